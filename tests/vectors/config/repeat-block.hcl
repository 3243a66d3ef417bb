block { text = "a" list = ["1"] }
block { number = 2 list = ["2"] }
plain { text = "a" }
plain { number = 2 }
