"""The trust domain's own keys: which there are, what they may sign, and signing. The rules are pure."""
