number = 1e
