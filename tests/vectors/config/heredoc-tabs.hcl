text = <<-E
	  ab
	  c
	  E
