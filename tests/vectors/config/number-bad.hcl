number = 09
