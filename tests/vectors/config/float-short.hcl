other = .5
dot = 1.
