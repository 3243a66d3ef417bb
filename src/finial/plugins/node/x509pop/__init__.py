"""x509pop: a certificate of a known CA, and the proof that its key is held, admit a node."""
