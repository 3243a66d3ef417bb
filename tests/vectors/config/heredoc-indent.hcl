block {
  text = <<-END
      one
        two

      three
      END
}
