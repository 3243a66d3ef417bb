text = word
