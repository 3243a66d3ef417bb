text = "a", number = 2
