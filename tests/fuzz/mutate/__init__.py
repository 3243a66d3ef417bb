"""Changes to inputs, one format a module."""
