"""Node attestation: a folder per method, the agent's and the server's half together."""
