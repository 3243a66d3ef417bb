Text = "a"
TEXT = "b"
