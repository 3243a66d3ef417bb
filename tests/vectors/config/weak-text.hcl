text = 5
list = [1, "a"]
