other = 1.5
exp = 1e3
neg = -0.25E-2
