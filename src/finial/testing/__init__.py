"""Helpers for tests, ours and those of plugin authors. Nothing in the product imports them."""
