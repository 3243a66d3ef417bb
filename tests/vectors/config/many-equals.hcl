many = { text = "a" }
