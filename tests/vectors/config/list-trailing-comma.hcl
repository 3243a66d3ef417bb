list = ["a", "b",]
