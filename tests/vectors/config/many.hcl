many { text = "a" }
many { text = "b" }
