number = +5
