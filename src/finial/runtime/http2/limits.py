"""What one listener or channel accepts: each field is a number that a peer can try to exceed.

The message and header limits are answered with grpc-go's codes and words; clients match on them. A grpc-go
client that meets the stream limit waits in silence until its own deadline, so the limit is far above the
streams of an honest client.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """`message`, `header_list`, windows, `unread`: bytes; `streams`: open at once on one connection."""

    message: int = 4 * MIB
    header_list: int = 64 * 1024
    streams: int = 10_000
    stream_window: int = MIB
    connection_window: int = 4 * MIB
    resets_per_second: int = 500
    """RST_STREAM frames received, or provoked, on one connection: opening and resetting costs the peer
    nothing and us a call (CVE-2023-44487, CVE-2025-8671)."""
    unread: int = MIB
    """Bytes of ours that the peer lets pile up unread (CVE-2019-9512: a flood of PING or SETTINGS)."""


TCP = Limits()
UNIX = Limits(stream_window=65_535, connection_window=65_535)
"""Requests on a Unix socket are tiny: small windows bound the memory per caller and save a frame."""
