text = "x"
}
