text = "x" /* open
