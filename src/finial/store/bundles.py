"""Bundles: one row a trust domain, a protobuf in it. SPIRE writes no event for these; our log has them all.

SPIRE 1.15 `sqlstore.go`; modes of deletion are those of its bundle API.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from finial.errors import FailedPrecondition, FinialError, Internal, NotFound
from finial.spiffe.bundle import Bundle
from finial.spiffe.trust_domain import TrustDomain
from finial.store.engine import Transaction, lock
from finial.store.entries import not_found
from finial.store.rows import Stored
from finial.wire.convert.stored import bundle_from_stored, bundle_to_stored

BundleChange = Callable[[Bundle], Bundle]


class DeleteMode(Enum):
    """What becomes of the entries that federate with the bundle's trust domain."""

    RESTRICT = "restrict"  # they forbid it
    DELETE = "delete"  # they go too
    DISSOCIATE = "dissociate"  # they stay without it


def load(tx: Transaction) -> list[Stored[Bundle]]:
    """All, oldest first."""
    rows = tx.rows("SELECT id, trust_domain, data FROM bundles ORDER BY id")
    return [Stored(row, _bundle(uri, data)) for row, uri, data in rows]


def by_trust_domain(tx: Transaction, trust_domain: TrustDomain) -> Bundle | None:
    found = tx.row("SELECT trust_domain, data FROM bundles WHERE trust_domain = :uri", uri=trust_domain.uri)
    return _bundle(*found) if found else None


def create(tx: Transaction, bundle: Bundle) -> Bundle:
    """Raises: AlreadyExists."""
    tx.insert("bundles", {"trust_domain": bundle.trust_domain.uri, "data": bundle_to_stored(bundle)})
    return bundle


def put(tx: Transaction, bundle: Bundle) -> Bundle:
    """Created, or in the place of the one that is there; its sequence number is the caller's."""
    _, made = _locked_or_created(tx, bundle)
    return bundle if made else _write(tx, bundle)


def append(tx: Transaction, bundle: Bundle) -> Bundle:
    """The bundle with what was missing in it; nothing is written if nothing was."""
    stored, made = _locked_or_created(tx, bundle)
    if made:
        return bundle
    appended = stored.appended(bundle)
    return appended if appended is stored else _write(tx, appended)


def change(tx: Transaction, trust_domain: TrustDomain, how: BundleChange) -> Bundle:
    """`how` gets the stored bundle; the same object as answer writes nothing. Raises: NotFound."""
    stored = _locked(tx, trust_domain)
    if stored is None:
        raise not_found()
    changed = how(stored)
    return stored if changed is stored else _write(tx, changed)


def delete(tx: Transaction, trust_domain: TrustDomain, mode: DeleteMode) -> None:
    """Raises: NotFound; FailedPrecondition if entries federate with it and the mode is RESTRICT."""
    found = tx.row("SELECT id FROM bundles WHERE trust_domain = :uri", uri=trust_domain.uri)
    if found is None:
        raise not_found()
    bundle_id: int = found[0]
    federated = tx.row(
        "SELECT count(*) FROM federated_registration_entries f"
        " JOIN registered_entries e ON e.id = f.registered_entry_id WHERE f.bundle_id = :id",
        id=bundle_id,
    )
    count: int = federated[0] if federated else 0
    if count and mode is DeleteMode.RESTRICT:
        raise FailedPrecondition(
            f"datastore-sql: cannot delete bundle; federated with {count} registration entries"
        )
    if count and mode is DeleteMode.DELETE:
        # As SPIRE: what belongs to these entries stays as orphans, and there is no event.
        tx.run(
            "DELETE FROM registered_entries WHERE id IN"
            " (SELECT registered_entry_id FROM federated_registration_entries WHERE bundle_id = :id)",
            id=bundle_id,
        )
    if count and mode is DeleteMode.DISSOCIATE:
        tx.run("DELETE FROM federated_registration_entries WHERE bundle_id = :id", id=bundle_id)
    tx.run("DELETE FROM bundles WHERE id = :id", id=bundle_id)


def _locked(tx: Transaction, trust_domain: TrustDomain) -> Bundle | None:
    there = lock(tx, "bundles", "trust_domain", trust_domain.uri)
    return by_trust_domain(tx, trust_domain) if there else None


def _locked_or_created(tx: Transaction, bundle: Bundle) -> tuple[Bundle, bool]:
    """What is stored, which is this one if it was made just now. Two servers may make it at once."""
    stored = _locked(tx, bundle.trust_domain)
    if stored is not None:
        return stored, False
    made = tx.attempt(lambda: create(tx, bundle))
    if not isinstance(made, FinialError):
        return made, True
    stored = _locked(tx, bundle.trust_domain)
    if stored is None:
        raise made
    return stored, False


def _write(tx: Transaction, bundle: Bundle) -> Bundle:
    changed = tx.run(
        "UPDATE bundles SET updated_at = :now, data = :data WHERE trust_domain = :uri",
        now=tx.now,
        data=bundle_to_stored(bundle),
        uri=bundle.trust_domain.uri,
    )
    if changed != 1:
        raise NotFound(f'datastore-sql: bundle of "{bundle.trust_domain}" changed its trust domain')
    return bundle


def _bundle(uri: str, data: bytes | None) -> Bundle:
    bundle = bundle_from_stored(data or b"")
    if bundle.trust_domain.uri != uri:
        raise Internal(f'datastore-sql: the bundle of "{uri}" is one of "{bundle.trust_domain.uri}"')
    return bundle
