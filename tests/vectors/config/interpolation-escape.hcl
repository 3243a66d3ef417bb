text = "a ${ "x\"y" + '\n' } \n"
