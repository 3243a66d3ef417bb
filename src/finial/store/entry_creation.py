"""Creating registration entries in bulk, with the rows that SPIRE writes.

Item by item an answer, as SPIRE's batch gives: one entry that is refused leaves the others alone. Similar
entries (same parent, SPIFFE ID and selector set) are looked for before, in the same transaction; no constraint
of the database keeps them apart. SPIRE 1.15 `CreateOrReturnRegistrationEntry`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from finial.errors import FinialError
from finial.registry.entry import Entry
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store import timestamp
from finial.store.checks import check_entry
from finial.store.engine import Transaction
from finial.store.entries import Refused, read
from finial.store.entry_rows import NEW_COLUMNS, bundle_ids, check_federated, entry_row, insert_children

Similarity = tuple[str, str, frozenset[Selector]]


@dataclass(frozen=True, slots=True)
class Created:
    entry: Entry


@dataclass(frozen=True, slots=True)
class Similar:
    """Nothing was written: this one has the same parent, SPIFFE ID and selectors."""

    existing: Entry


Answer = Created | Similar | Refused


def create(tx: Transaction, entries: Sequence[Entry]) -> list[Answer]:
    """In the order given. An entry without an ID gets a random one; created_at and revision are set here."""
    answers: list[Answer | None] = [None] * len(entries)
    known = _similar(tx, entries)
    bundles = bundle_ids(tx, (domain for entry in entries for domain in entry.federates_with))
    fresh: dict[int, Entry] = {}
    first: dict[Similarity, int] = {}  # of this batch
    for at, entry in enumerate(entries):
        likeness = _similarity(entry)
        try:
            check_entry(entry)
            if likeness in known:
                answers[at] = Similar(known[likeness])
            elif likeness not in first:
                check_federated(entry, bundles)
                first[likeness] = at
                fresh[at] = _completed(tx, entry, bundles)
        except FinialError as error:
            answers[at] = Refused(error)
    for at, answer in zip(fresh, _insert(tx, list(fresh.values()), bundles), strict=True):
        answers[at] = answer
    return _with_seconds(tx, entries, answers, first)


def _with_seconds(
    tx: Transaction, entries: Sequence[Entry], answers: list[Answer | None], first: dict[Similarity, int]
) -> list[Answer]:
    """Answers those that came after their like in this batch: what became of the first one decides."""
    for at, entry in enumerate(entries):
        if answers[at] is None:
            before = answers[first[_similarity(entry)]]
            # Where the first one was refused, each of the others is tried alone: the work stays linear.
            answers[at] = Similar(before.entry) if isinstance(before, Created) else create(tx, [entry])[0]
    return [answer for answer in answers if answer is not None]


def _completed(tx: Transaction, entry: Entry, bundles: dict[TrustDomain, int]) -> Entry:
    federated = tuple(sorted(set(entry.federates_with), key=bundles.__getitem__))
    return replace(
        entry,
        id=entry.id or str(uuid.uuid4()),
        created_at=timestamp.nearest_unix(tx.now),
        revision_number=0,
        federates_with=federated,
    )


def _insert(
    tx: Transaction, entries: Sequence[Entry], bundles: dict[TrustDomain, int]
) -> list[Created | Refused]:
    """All at once; where one of them breaks a constraint, one by one, so that each gets its own answer."""
    if not entries:
        return []
    if not isinstance(tx.attempt(lambda: _insert_rows(tx, entries, bundles)), FinialError):
        return [Created(entry) for entry in entries]
    answers: list[Created | Refused] = []
    for entry in entries:
        failed = tx.attempt(lambda entry=entry: _insert_rows(tx, [entry], bundles))  # type: ignore[misc]
        answers.append(Refused(failed) if isinstance(failed, FinialError) else Created(entry))
    return answers


def _insert_rows(tx: Transaction, entries: Sequence[Entry], bundles: dict[TrustDomain, int]) -> None:
    pairs = list(zip(tx.new_ids("registered_entries", len(entries)), entries, strict=True))
    tx.insert_all("registered_entries", NEW_COLUMNS, (entry_row(tx, id_, one) for id_, one in pairs))
    tx.insert_all(
        "federated_registration_entries",
        ("bundle_id", "registered_entry_id"),
        ((bundles[td], id_) for id_, one in pairs for td in one.federates_with),
    )
    insert_children(tx, pairs)
    tx.insert_all(
        "registered_entries_events",
        ("created_at", "updated_at", "entry_id"),
        ((tx.now, tx.now, one.id) for one in entries),
    )


def _similarity(entry: Entry) -> Similarity:
    return str(entry.parent_id), str(entry.spiffe_id), frozenset(entry.selectors)


def _similar(tx: Transaction, entries: Sequence[Entry]) -> dict[Similarity, Entry]:
    """Stored entries that share parent and SPIFFE ID with one of these. Of equal ones the oldest counts."""
    pairs = list({(str(entry.spiffe_id), str(entry.parent_id)): None for entry in entries})
    ids = tx.rows(
        tx.dialect.alike,
        pairs=json.dumps(pairs),
    )
    if not ids:
        return {}
    where = f" WHERE id {tx.dialect.among('ids')}"
    found = read(tx, where, ids=[id_ for (id_,) in ids])
    return {_similarity(entry): entry for _, entry in reversed(found)}
