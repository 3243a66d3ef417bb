list = ["a",, "b"]
