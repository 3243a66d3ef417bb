number = 0644
