"""Names of gRPC metadata that are ours. Old clients and stock servers ignore them."""

from __future__ import annotations

POSITION = "finial-position-bin"
"""Trailing metadata of every call that changes something: the position at which the change is in force."""

WARNINGS = "finial-warnings-bin"
"""Trailing metadata of a call that did what it was asked, with something to be said of it: lines of UTF-8."""
