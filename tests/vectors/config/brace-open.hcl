block {
  text = "x"
