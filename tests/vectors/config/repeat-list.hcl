list = ["a"]
list = ["b", "c"]
