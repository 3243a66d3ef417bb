text = "x"
