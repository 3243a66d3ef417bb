text = "${ \} }"
