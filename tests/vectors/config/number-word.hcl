number = 12ab
