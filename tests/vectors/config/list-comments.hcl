list = [
  "a", # one
  "b", // two
  /* three */
]
