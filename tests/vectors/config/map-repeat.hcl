map { a = "1" b = "2" }
map { b = "3" C = "4" }
