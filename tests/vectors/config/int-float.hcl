number = 1.5
