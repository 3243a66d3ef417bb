"""Odd values for the fields of any format."""

from __future__ import annotations

TEXTS = (
    "", "a", "example.org", "other.org", "spiffe://example.org", "spiffe://example.org/web", "/web", "/a//b", "/..",
    "/spire/agent/join_token/a", "unix", "uid:1000", "https://example.org:8443/b", "https://[::1", "*.example.org",
    "a.example.org", "\u00fc", "x" * 2048, "\0", "2026-11-25 00:00:00 +0000 UTC",
)  # fmt: skip
NUMBERS = (0, 1, 2, -1, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1, -(2**63), 2**64 - 1, 1_800_000_000)
