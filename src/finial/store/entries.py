# ruff: noqa: S608 - statements are put together from constants of ours, values are parameters
"""Registration entries: reading, changing and deleting, with the rows that SPIRE writes, in its order.

Functions over one transaction; creating is in `entry_creation`. Every reader starts from registered_entries:
SPIRE leaves selectors, DNS names and federated rows behind when a bundle is deleted together with its entries.
SPIRE 1.15 `pkg/server/datastore/sqlstore/sqlstore.go`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from finial.errors import FinialError, NotFound
from finial.registry.entry import Entry
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store.checks import check_entry
from finial.store.engine import Parameter, Transaction, lock
from finial.store.entry_rows import NEW_COLUMNS, bundle_ids, check_federated, entry_row, insert_children
from finial.store.rows import ENTRY_COLUMNS, Reading, Stored

EntryChange = Callable[[Entry], Entry]


@dataclass(frozen=True, slots=True)
class Updated:
    entry: Entry


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was written for this item."""

    error: FinialError


def load(tx: Transaction) -> list[Stored[Entry]]:
    """All, oldest first."""
    return read(tx, "")


def by_ids(tx: Transaction, entry_ids: Iterable[str]) -> dict[str, Stored[Entry]]:
    """By entry ID; those that are not there are missing in the answer."""
    where = f" WHERE entry_id {tx.dialect.among('ids')}"
    found = read(tx, where, ids=list(entry_ids))
    return {one.value.id: one for one in found}


def bucket(tx: Transaction, number: int, of: int) -> dict[str, Stored[Entry]]:
    """Those whose row id leaves `number` when divided by `of`."""
    return {one.value.id: one for one in read(tx, " WHERE id % :of = :number", number=number, of=of)}


def by_id(tx: Transaction, entry_id: str) -> Entry | None:
    found = by_ids(tx, [entry_id]).get(entry_id)
    return found.value if found else None


def read(tx: Transaction, where: str, **parameters: Parameter) -> list[Stored[Entry]]:
    """What belongs to entries first: orphans of entries that are gone find none."""
    reading = Reading()
    ask = tx.rows if where else tx.scan
    # A subquery for some entries, the whole table for all of them.
    of = f" WHERE registered_entry_id IN (SELECT id FROM registered_entries{where})" if where else ""
    selectors: dict[
        int, tuple[Selector, ...]
    ] = {}  # nearly all have one or two: no list is made of them first
    query = f"SELECT registered_entry_id, type, value FROM selectors{of} ORDER BY id"
    for owner, kind, value in ask(query, **parameters):
        selectors[owner] = (*selectors.get(owner, ()), reading.selector(kind, value))
    names: defaultdict[int, list[str]] = defaultdict(list)
    query = f"SELECT registered_entry_id, value FROM dns_names{of} ORDER BY id"
    for owner, value in ask(query, **parameters):
        names[owner].append(value)
    federated: defaultdict[int, list[TrustDomain]] = defaultdict(list)
    query = (
        "SELECT f.registered_entry_id, b.trust_domain FROM federated_registration_entries f"
        f" JOIN bundles b ON b.id = f.bundle_id{of} ORDER BY b.id"
    )
    for owner, uri in ask(query, **parameters):
        federated[owner].append(reading.trust_domain(uri))
    none = ()
    query = f"SELECT {ENTRY_COLUMNS} FROM registered_entries{where} ORDER BY id"
    return [
        Stored(
            row[0],
            reading.entry(
                row, selectors.get(row[0], none), names.get(row[0], none), federated.get(row[0], none)
            ),
        )
        for row in ask(query, **parameters)
    ]


def update(tx: Transaction, changes: Sequence[tuple[str, EntryChange]]) -> list[Updated | Refused]:
    """`change` gets the stored entry and answers what it shall be; it may raise an error of ours, which
    becomes the item's answer. ID, revision and created_at are not its to change."""
    answers: list[Updated | Refused] = []
    for entry_id, change in changes:
        done = tx.attempt(lambda entry_id=entry_id, change=change: _update(tx, entry_id, change))  # type: ignore[misc]
        answers.append(Refused(done) if isinstance(done, FinialError) else Updated(done))
    return answers


def _update(tx: Transaction, entry_id: str, change: EntryChange) -> Entry:
    there = lock(tx, "registered_entries", "entry_id", entry_id)
    found = by_ids(tx, [entry_id]).get(entry_id) if there else None
    if found is None:
        raise not_found()
    row_id, stored = found
    changed = replace(
        change(stored),
        id=stored.id,
        created_at=stored.created_at,
        revision_number=stored.revision_number + 1,
    )
    check_entry(changed)
    bundles = bundle_ids(tx, (*stored.federates_with, *changed.federates_with))
    check_federated(changed, bundles)
    changed = replace(
        changed, federates_with=tuple(sorted(set(changed.federates_with), key=bundles.__getitem__))
    )
    _write_update(tx, row_id, stored, changed, bundles)
    return changed


def _write_update(
    tx: Transaction, row_id: int, stored: Entry, changed: Entry, bundles: dict[TrustDomain, int]
) -> None:
    tx.run("DELETE FROM selectors WHERE registered_entry_id = :id", id=row_id)
    tx.run("DELETE FROM dns_names WHERE registered_entry_id = :id", id=row_id)
    row = dict(zip(NEW_COLUMNS, entry_row(tx, row_id, changed), strict=True))
    del row["created_at"]
    sets = ", ".join(f"{name} = :{name}" for name in row if name != "id")
    tx.run(f"UPDATE registered_entries SET {sets} WHERE id = :id", **row)
    insert_children(tx, [(row_id, changed)])
    before, after = set(stored.federates_with), set(changed.federates_with)
    tx.insert_all(
        "federated_registration_entries",
        ("bundle_id", "registered_entry_id"),
        ((bundles[domain], row_id) for domain in changed.federates_with if domain not in before),
    )
    for domain in before - after:
        tx.run(
            "DELETE FROM federated_registration_entries WHERE registered_entry_id = :id AND bundle_id = :bundle",
            id=row_id,
            bundle=bundles[domain],
        )
    _event(tx, changed.id)


def delete(tx: Transaction, entry_ids: Sequence[str]) -> list[Entry | None]:
    """The entry that was there; None where there was none."""
    stored = by_ids(tx, entry_ids)
    gone = []
    for entry_id in entry_ids:
        found = stored.pop(entry_id, None)
        if found is not None:
            delete_rows(tx, entry_id)
        gone.append(found.value if found else None)
    return gone


def prune(tx: Transaction, now: int) -> list[Entry]:
    """Those that expired before `now`, Unix seconds; they are gone. Equal is not yet."""
    rows = tx.rows(
        "SELECT entry_id FROM registered_entries WHERE expiry <> 0 AND expiry < :now ORDER BY id", now=now
    )
    return [entry for entry in delete(tx, [entry_id for (entry_id,) in rows]) if entry is not None]


def delete_rows(tx: Transaction, entry_id: str) -> None:
    """One entry with what belongs to it, and its event."""
    found = tx.row("SELECT id FROM registered_entries WHERE entry_id = :id", id=entry_id)
    if found is None:
        return
    row_id: int = found[0]
    tx.run("DELETE FROM federated_registration_entries WHERE registered_entry_id = :id", id=row_id)
    tx.run("DELETE FROM registered_entries WHERE id = :id", id=row_id)
    tx.run("DELETE FROM selectors WHERE registered_entry_id = :id", id=row_id)
    tx.run("DELETE FROM dns_names WHERE registered_entry_id = :id", id=row_id)
    _event(tx, entry_id)


def not_found() -> NotFound:
    return NotFound("datastore-sql: record not found")


def _event(tx: Transaction, entry_id: str) -> None:
    tx.insert("registered_entries_events", {"entry_id": entry_id})
