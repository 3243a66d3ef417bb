number = -.5
