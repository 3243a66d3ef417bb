"""CA journals: one row a server, found by the ID of an X.509 authority whose key the server holds."""

from __future__ import annotations

from dataclasses import dataclass

from finial.authority.journal import Journal
from finial.store.engine import Transaction, Value
from finial.store.entries import not_found
from finial.wire.convert.stored import journal_from_stored, journal_to_stored


@dataclass(frozen=True, slots=True)
class StoredJournal:
    """`id` is the row's."""

    id: int
    journal: Journal
    active_x509_authority_id: str


def load(tx: Transaction) -> list[StoredJournal]:
    """Of all servers, oldest first."""
    rows = tx.rows("SELECT id, data, active_x509_authority_id FROM ca_journals ORDER BY id")
    return [StoredJournal(id_, journal_from_stored(data or b""), active or "") for id_, data, active in rows]


def put(tx: Transaction, id_: int | None, journal: Journal, active_x509_authority_id: str) -> StoredJournal:
    """Without an ID a new row, or that of the authority: a write whose commit was not confirmed may have made it.
    Raises: NotFound if the row was pruned."""
    data = journal_to_stored(journal)
    if id_ is None:
        id_ = _row_of(tx, active_x509_authority_id)
    if id_ is None:
        values: dict[str, Value] = {
            "data": data,
            "active_x509_authority_id": active_x509_authority_id,
            "active_jwt_authority_id": "",
        }
        return StoredJournal(tx.insert("ca_journals", values), journal, active_x509_authority_id)
    changed = tx.run(
        "UPDATE ca_journals SET updated_at = :now, data = :data, active_x509_authority_id = :active WHERE id = :id",
        now=tx.now,
        data=data,
        active=active_x509_authority_id,
        id=id_,
    )
    if not changed:
        raise not_found()
    return StoredJournal(id_, journal, active_x509_authority_id)


def _row_of(tx: Transaction, authority_id: str) -> int | None:
    """An authority is one server's alone."""
    found = tx.row(
        "SELECT id FROM ca_journals WHERE active_x509_authority_id = :id AND :id <> ''", id=authority_id
    )
    return int(found[0]) if found else None


def prune(tx: Transaction, now: int) -> list[int]:
    """Row IDs of those whose X.509 and JWT authorities all expired by that Unix second; they are gone."""
    stale = [one.id for one in load(tx) if _stale(one.journal, now)]
    for id_ in stale:
        tx.run("DELETE FROM ca_journals WHERE id = :id", id=id_)
    return stale


def _stale(journal: Journal, now: int) -> bool:
    ends = [one.not_after for one in journal.x509_cas] + [one.not_after for one in journal.jwt_keys]
    return all(end <= now for end in ends)
