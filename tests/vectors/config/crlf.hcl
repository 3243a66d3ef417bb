text = "x"
number = 1
