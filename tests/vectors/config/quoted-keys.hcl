"text" = "x"
"a.b" = 1
a-b.c_d = 2
