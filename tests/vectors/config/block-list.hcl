block = [{ text = "a" }]
