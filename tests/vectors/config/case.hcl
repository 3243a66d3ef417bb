TEXT = "x"
Number = 4
BLOCK { Text = "y" }
