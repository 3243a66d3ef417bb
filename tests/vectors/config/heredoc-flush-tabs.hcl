text = <<-END
	a
		b
	END
number = 1
