text: "x"
