"""Join token: a secret made by an operator admits one node, once."""
