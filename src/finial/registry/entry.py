"""Registration entry: which workload, under which parent, may hold which SPIFFE ID. Pure.

The checks are those of SPIRE 1.15 (`pkg/server/api/entry.go`, `datastore-validation`), in its words.
Two entries are *similar* when parent, SPIFFE ID and selector set are equal: the second is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from finial.errors import InvalidArgument
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain

MAX_HINT_LENGTH = 1024
MAX_ENTRY_ID_LENGTH = 255
ENTRY_ID = re.compile(r"[a-zA-Z0-9._-]+\Z")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as stored. Times are Unix seconds and TTLs seconds; 0: not set."""

    id: str
    spiffe_id: SpiffeId
    parent_id: SpiffeId
    selectors: tuple[Selector, ...]
    x509_svid_ttl: int = 0
    jwt_svid_ttl: int = 0
    federates_with: tuple[TrustDomain, ...] = ()
    dns_names: tuple[str, ...] = ()
    hint: str = ""
    admin: bool = False
    downstream: bool = False
    store_svid: bool = False
    expires_at: int = 0
    revision_number: int = 0
    created_at: int = 0
    disable_x509_svid_prefetch: bool = False
    jwt_svid_include_jti: bool = False

    @property
    def similarity(self) -> tuple[SpiffeId, SpiffeId, frozenset[Selector]]:
        """Equal for similar entries."""
        return self.parent_id, self.spiffe_id, frozenset(self.selectors)

    @property
    def is_node_alias(self) -> bool:
        """Parented at the server: it gives a second identity to each node whose selectors match."""
        return self.parent_id.is_server

    def expired(self, now: float) -> bool:
        return 0 < self.expires_at <= now


def check_entry_id(text: str) -> str:
    """A caller's own entry ID, or "" for one of ours. Raises: InvalidArgument."""
    if len(text) > MAX_ENTRY_ID_LENGTH:
        raise InvalidArgument("invalid registration entry: entry ID too long")
    if text and not ENTRY_ID.match(text):
        raise InvalidArgument("invalid registration entry: entry ID contains invalid characters")
    return text
