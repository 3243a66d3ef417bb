"""Join tokens. Taking one is a row count: of any number of takers exactly one gets it."""

from __future__ import annotations

from collections.abc import Sequence

from finial.registry.entry import Entry
from finial.registry.join_token import JoinToken
from finial.store import entry_creation
from finial.store.engine import Transaction
from finial.store.entries import Refused


def create(tx: Transaction, token: JoinToken, aliases: Sequence[Entry] = ()) -> JoinToken:
    """With the entries that give the agent further IDs, or without any of it. A similar entry that is there
    already serves. Raises: AlreadyExists; what refuses an entry."""
    tx.insert("join_tokens", {"token": token.value, "expiry": token.expires_at})
    for answer in entry_creation.create(tx, aliases):
        if isinstance(answer, Refused):
            raise answer.error
    return token


def take(tx: Transaction, value: str) -> JoinToken | None:
    """The token, which is gone; None if it was not there. An expired one is taken too."""
    found = tx.row("SELECT expiry FROM join_tokens WHERE token = :token", token=value)
    if found is None or tx.run("DELETE FROM join_tokens WHERE token = :token", token=value) != 1:
        return None
    return JoinToken(value, int(found[0] or 0))


def prune(tx: Transaction, now: int) -> int:
    """How many that expired before that Unix second are gone."""
    return tx.run("DELETE FROM join_tokens WHERE expiry < :now", now=now)
