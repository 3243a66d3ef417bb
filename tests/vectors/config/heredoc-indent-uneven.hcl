text = <<-END
    one
  two
  END
