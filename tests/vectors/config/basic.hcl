# comment
text = "a b"   // tail
/* block
   comment */
number = 8081
yes = true
list = ["a", "b",]
block {
  text = "x"
  number = 0x1f
}
