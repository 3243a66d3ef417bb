list = ["a", "b"
