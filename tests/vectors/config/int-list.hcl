number = [1]
