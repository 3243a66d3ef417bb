# ruff: noqa: S608 - statements are put together from constants of ours, values are parameters
"""The rows of one registration entry, as they are written on creation and on update."""

from __future__ import annotations

from collections.abc import Iterable

from finial.errors import Internal
from finial.registry.entry import Entry
from finial.spiffe.trust_domain import TrustDomain
from finial.store.engine import Transaction, Value
from finial.wire.convert.stored import attributes_to_stored

NEW_COLUMNS = [
    "id",
    "created_at",
    "updated_at",
    "entry_id",
    "spiffe_id",
    "parent_id",
    "ttl",
    "admin",
    "downstream",
    "expiry",
    "revision_number",
    "store_svid",
    "hint",
    "jwt_svid_ttl",
    "additional_attributes",
]
CHILD_COLUMNS = ("created_at", "updated_at", "registered_entry_id")


def insert_children(tx: Transaction, entries: Iterable[tuple[int, Entry]]) -> None:
    """Selectors, then DNS names, in the entry's order."""
    now = tx.now
    selectors = [(now, now, id_, one.type, one.value) for id_, entry in entries for one in entry.selectors]
    tx.insert_all("selectors", (*CHILD_COLUMNS, "type", "value"), selectors)
    names = [(now, now, id_, name) for id_, entry in entries for name in entry.dns_names]
    tx.insert_all("dns_names", (*CHILD_COLUMNS, "value"), names)


def entry_row(tx: Transaction, id_: int, entry: Entry) -> tuple[Value, ...]:
    """Of `NEW_COLUMNS`."""
    return (
        id_,
        tx.now,
        tx.now,
        entry.id,
        str(entry.spiffe_id),
        str(entry.parent_id),
        entry.x509_svid_ttl,
        entry.admin,
        entry.downstream,
        entry.expires_at,
        entry.revision_number,
        entry.store_svid,
        entry.hint,
        entry.jwt_svid_ttl,
        attributes_to_stored(entry),
    )


def bundle_ids(tx: Transaction, domains: Iterable[TrustDomain]) -> dict[TrustDomain, int]:
    uris = {domain.uri: domain for domain in domains}
    if not uris:
        return {}
    rows = tx.rows(
        f"SELECT trust_domain, id FROM bundles WHERE trust_domain {tx.dialect.among('uris')}",
        uris=list(uris),
    )
    return {uris[uri]: id_ for uri, id_ in rows}


def check_federated(entry: Entry, bundles: dict[TrustDomain, int]) -> None:
    for domain in entry.federates_with:
        if domain not in bundles:
            raise Internal(
                f'unable to find federated bundle "{domain.uri}"',
                hint=f"set the bundle of {domain} first: bundle set -id {domain.uri}",
            )
