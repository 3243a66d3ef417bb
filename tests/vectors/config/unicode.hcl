text = "grüße" number = 3
ключ = 1
