text = <<EOF
abc
