plain { text = "a" }
Plain { number = 2 list = ["x"] }
