many = [{ text = "a" }, { text = "b", number = 2 }]
