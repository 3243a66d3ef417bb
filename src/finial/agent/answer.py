"""Values that travel from what the agent holds to who serves it: an SVID in hand, an answer, a view. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle
from finial.spiffe.selector import Selector
from finial.svid.x509 import X509Svid


@dataclass(frozen=True, slots=True, eq=False)
class HeldSvid:
    """A signed SVID with its key, and what makes it due. Compared by identity: each is signed once."""

    svid: X509Svid
    key: bytes = field(repr=False)  # DER PKCS#8
    revision_number: int  # of the entry that it was signed for
    created_at: int
    renew_at: float  # Unix seconds

    def current_for(self, entry: Entry) -> bool:
        return (self.revision_number, self.created_at) == (entry.revision_number, entry.created_at)


@dataclass(frozen=True, slots=True)
class Identity:
    """One identity of a workload."""

    entry: Entry
    held: HeldSvid


@dataclass(frozen=True, slots=True)
class Answer:
    """All that a workload may know. `identities` are sorted by entry ID, hints are unique.

    `pending`: entries apply, but none has an SVID in hand; it has an identity and must wait for it.
    """

    identities: tuple[Identity, ...]
    bundle: Bundle
    federated: tuple[Bundle, ...] = ()
    pending: bool = False

    @property
    def registered(self) -> bool:
        return bool(self.identities) or self.pending

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        return (self.bundle, *self.federated)

    def expired_at(self, now: datetime) -> datetime | None:
        """When the last of the SVIDs expired; None while one is valid, or without any."""
        ends = [one.held.svid.not_after for one in self.identities]
        return max(ends) if ends and max(ends) <= now else None


@dataclass(slots=True, eq=False)
class View:
    """What one set of selectors gets. `answer` is None until it is complete for the first time.

    `encodings` is for those who serve it: by kind, the answer and what it was encoded to.
    """

    selectors: frozenset[Selector]
    answer: Answer | None = None
    entries: tuple[Entry, ...] = ()
    wake: set[Callable[[], None]] = field(default_factory=set)
    encodings: dict[str, tuple[Answer, object]] = field(default_factory=dict)
