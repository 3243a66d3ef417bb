list = [<<A
one
A
, "b"]
