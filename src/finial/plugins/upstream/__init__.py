"""UpstreamAuthority plugins: a CA above the server that signs the server's own."""
