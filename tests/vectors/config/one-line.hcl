block { text = "x" number = 2 list = ["q"] }
map { a = "1", b = "2" }
