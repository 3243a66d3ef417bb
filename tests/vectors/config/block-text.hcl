block = "x"
