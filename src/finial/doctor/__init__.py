"""What this machine can and cannot do for a trust domain, found out without changing anything."""
