# ruff: noqa: S608 - statements are put together from constants of ours, values are parameters
"""Federation relationships: where the bundles of other trust domains are fetched.

Stored by name, without the scheme. A relationship that goes back to https_web keeps the endpoint's SPIFFE ID
in its row, as SPIRE leaves it; it is not read then.
"""

from __future__ import annotations

from finial.registry.federation import HTTPS_SPIFFE, FederationRelationship
from finial.spiffe.bundle import Bundle
from finial.spiffe.trust_domain import TrustDomain
from finial.store import bundles
from finial.store.engine import Row, Transaction, Value, lock
from finial.store.entries import not_found
from finial.store.rows import Reading

COLUMNS = "trust_domain, bundle_endpoint_url, bundle_endpoint_profile, endpoint_spiffe_id"


def load(tx: Transaction) -> list[FederationRelationship]:
    """All, oldest first."""
    reading = Reading()
    rows = tx.rows(f"SELECT {COLUMNS} FROM federated_trust_domains ORDER BY id")
    return [_relationship(row, reading) for row in rows]


def by_trust_domain(tx: Transaction, trust_domain: TrustDomain) -> FederationRelationship | None:
    row = tx.row(
        f"SELECT {COLUMNS} FROM federated_trust_domains WHERE trust_domain = :name",
        name=trust_domain.name,
    )
    return _relationship(row, Reading()) if row else None


def create(tx: Transaction, made: FederationRelationship, bundle: Bundle | None = None) -> None:
    """With the bundle to begin with, if one is given. Raises: AlreadyExists."""
    if bundle is not None:
        bundles.put(tx, bundle)
    tx.insert("federated_trust_domains", {**_values(made), "implicit": False})


def update(tx: Transaction, changed: FederationRelationship, bundle: Bundle | None = None) -> None:
    """Raises: NotFound."""
    there = lock(tx, "federated_trust_domains", "trust_domain", changed.trust_domain.name)
    if not there or by_trust_domain(tx, changed.trust_domain) is None:
        raise not_found()
    if bundle is not None:
        bundles.put(tx, bundle)
    values = _values(changed)
    if changed.endpoint_spiffe_id is None:
        del values["endpoint_spiffe_id"]
    sets = ", ".join(f"{name} = :{name}" for name in values if name != "trust_domain")
    tx.run(
        f"UPDATE federated_trust_domains SET updated_at = :now, {sets} WHERE trust_domain = :trust_domain",
        now=tx.now,
        **values,
    )


def delete(tx: Transaction, trust_domain: TrustDomain) -> None:
    """The bundle stays. Raises: NotFound."""
    query = "DELETE FROM federated_trust_domains WHERE trust_domain = :name"
    if not tx.run(query, name=trust_domain.name):
        raise not_found()


def _values(one: FederationRelationship) -> dict[str, Value]:
    return {
        "trust_domain": one.trust_domain.name,
        "bundle_endpoint_url": one.bundle_endpoint_url,
        "bundle_endpoint_profile": one.bundle_endpoint_profile,
        "endpoint_spiffe_id": str(one.endpoint_spiffe_id or ""),
    }


def _relationship(row: Row, reading: Reading) -> FederationRelationship:
    name, url, profile, endpoint = row
    spiffe_id = reading.spiffe_id(endpoint) if endpoint and profile == HTTPS_SPIFFE else None
    return FederationRelationship(reading.trust_domain(name), url or "", profile or "", spiffe_id)
