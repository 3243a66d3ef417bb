number = -12
