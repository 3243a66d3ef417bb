text = "a ${x "inner" {y}} b"
