"""Credentials: X.509-SVID, JWT-SVID and certificate request, bytes in, checked values out. Pure."""
