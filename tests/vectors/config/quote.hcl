text = "abc
number = 1
