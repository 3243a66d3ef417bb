plain = 5
