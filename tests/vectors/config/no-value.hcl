text =
