number = "8081"
