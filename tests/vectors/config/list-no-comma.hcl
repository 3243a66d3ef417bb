list = ["a" "b"]
