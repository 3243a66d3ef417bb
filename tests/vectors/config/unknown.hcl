texd = "x"
other { a = 1 }
block { nope = 1 }
