"""Entries whose SVIDs may be cut short by their signer's end: stored as asked, and the caller is told.

A stock server takes any lifetime and says nothing; its clients rely on the first. So the entry is made, and the
warning goes into trailing metadata, which old clients ignore, and into the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from finial.authority.policy import Policy
from finial.authority.ttl import Lifetimes
from finial.errors import InvalidArgument
from finial.registry.entry import Entry
from finial.runtime.grpc import Stream, add_trailer
from finial.server.api.caller import current
from finial.wire.metadata import WARNINGS

MOST = 10  # told in one answer: metadata is small


def warn_of_misfits(stream: Stream[Any, Any], entries: Iterable[Entry], ca_ttl: float) -> None:
    """`entries` as stored. Seconds."""
    told = [(entry.id, text) for entry in entries for text in misfits(entry, ca_ttl)]
    for entry_id, text in told:
        current().log.warning(text, entry_id=entry_id)
    if told:
        lines = [f"entry {entry_id}: {text}" for entry_id, text in told[:MOST]]
        if len(told) > MOST:
            lines.append(f"{len(told) - MOST} more lifetimes are too high")
        add_trailer(stream, WARNINGS, "\n".join(lines).encode())


def require_fit(x509_svid_ttl: int, jwt_svid_ttl: int, policy: Policy) -> None:
    """Where the configuration says `unfit_ttl = "refuse"`. Seconds, 0: the server's default. Raises: InvalidArgument."""
    if policy.refuse_unfit:
        svids = {"x509_svid_ttl": x509_svid_ttl, "jwt_svid_ttl": jwt_svid_ttl}
        for one in Lifetimes(policy.ca_ttl, svids).misfits():
            raise InvalidArgument(one.refusal())


def misfits(entry: Entry, ca_ttl: float) -> Iterator[str]:
    """Of the lifetimes the entry names itself; the server's defaults are warned of at its start."""
    svids = {"x509_svid_ttl": entry.x509_svid_ttl, "jwt_svid_ttl": entry.jwt_svid_ttl}
    return (one.warning() for one in Lifetimes(ca_ttl, svids).misfits())
