number = 0x1F
plain { number = 010 }
