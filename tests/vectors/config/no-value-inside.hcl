block { text = }
