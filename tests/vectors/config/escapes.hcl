text = "a\tb\n\"q\" \\ \x41 \u00e9 \U0001F600 \101"
