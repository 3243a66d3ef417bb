text = "a\qb"
