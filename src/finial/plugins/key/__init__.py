"""KeyManager plugins: where the server's and the agent's own private keys are kept."""
