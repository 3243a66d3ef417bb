list = "x"
