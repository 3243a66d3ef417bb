yes = "true"
