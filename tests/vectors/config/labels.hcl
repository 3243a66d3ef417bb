labels "a" { text = "1" }
labels b { text = "2" }
labels "a" { number = 3 }
