"""http_challenge: a nonce that the server finds at a host name admits the node of that name."""
