text = "a"
text = "b"
number = 1
Number = 2
