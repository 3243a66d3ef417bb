text = <<EOF
  line one
line "two"
EOF
number = 1
