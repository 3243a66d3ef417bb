text = 0644
