"""sshpop: an SSH host certificate of a known authority, and the proof that its key is held, admit a node."""
