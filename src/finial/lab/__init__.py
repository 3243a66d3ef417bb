"""`finial up`: a whole trust domain on one machine, with services that call each other over mTLS."""
