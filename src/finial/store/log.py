"""What is written down when something changes, and the protocol by which the log is read on each database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Protocol

from finial.errors import Internal
from finial.store.engine import Transaction
from finial.store.position import EPOCH_SIZE, Position


class Kind(StrEnum):
    """What changed; the comment is what its key is."""

    ENTRY = "entry"  # entry ID
    NODE = "node"  # SPIFFE ID
    BUNDLE = "bundle"  # spiffe://trust domain
    FEDERATION = "federation"  # trust domain, bare
    TOKEN = "token"  # noqa: S105 - row ID: the token itself is a secret
    JOURNAL = "journal"  # row ID


@dataclass(frozen=True, slots=True)
class Change:
    kind: Kind
    key: str


class Log(Protocol):
    """No state: what is asked is in the transaction's database."""

    def here(self, tx: Transaction) -> Position:
        """The position that this transaction reaches, or reads at."""
        ...

    def read(self, tx: Transaction, after: Position) -> tuple[list[Change], Position]:
        """What changed since, each thing once, and the position to go on from.

        Raises: FailedPrecondition for a position that cannot be continued from."""
        ...

    def check(self, tx: Transaction, after: Position) -> Position:
        """Where the log stands. Raises: as `read`."""
        ...

    def trim(self, tx: Transaction, followers: Iterable[Position]) -> int:
        """Drops rows that nobody needs; how many. A position from before the last dropped row is refused
        from then on."""
        ...

    def install(self, tx: Transaction) -> None:
        """Our tables, empty, and the triggers that fill them."""
        ...

    def is_intact(self, tx: Transaction) -> bool:
        """Whether nothing of it is missing, given that there are tables of ours."""
        ...

    def remove(self, tx: Transaction) -> None:
        """All that is ours: SPIRE's tables stay as a stock server made them."""
        ...

    def restart(self, tx: Transaction) -> None:
        """Empties the log for a history that begins here."""
        ...


def state(tx: Transaction, name: str) -> str:
    """A value of ours in the database. Raises: Internal."""
    found = tx.row("SELECT value FROM finial_state WHERE name = :name", name=name)
    if found is None:
        raise Internal(
            f"datastore-sql: the change log has no {name}", hint="hand the change log back and restart"
        )
    return str(found[0])


def epoch_of(tx: Transaction, stored: str) -> bytes:
    """Of positions: `stored` is the epoch in the database, which a copy of it has too."""
    return blake2b(f"{stored} {tx.identity}".encode(), digest_size=EPOCH_SIZE).digest()
