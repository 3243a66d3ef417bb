text = 1.5
