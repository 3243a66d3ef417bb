number = "abc"
