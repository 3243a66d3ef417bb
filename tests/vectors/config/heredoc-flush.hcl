text = <<-E
  a
E
