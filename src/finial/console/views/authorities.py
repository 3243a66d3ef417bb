"""Authorities of the server and of the trust bundle: what signs, what will, what still vouches, what is tainted."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from finial.console.readings import Authority, ServerReading
from finial.console.views.model import Model
from finial.errors import FinialError
from finial.spiffe.bundle import Bundle
from finial.svid.certificate import read


class Slot(Model):
    """One of this server's own."""

    id: str
    slot: Literal["active", "prepared", "old"]
    expires_at: float
    left: float
    upstream_id: str


class Vouching(Model):
    """One of the bundle's: `own` if this server's. `begins_at`: None for a key, which has no beginning."""

    id: str
    kind: Literal["x509", "jwt"]
    begins_at: float | None
    expires_at: float | None
    tainted: bool
    own: bool


class FederatedBundle(Model):
    trust_domain: str
    x509: int
    jwt: int
    sequence_number: int
    refresh_hint: int | None


class Authorities(Model):
    """`adoption`: agents by their state: who is ready has the newest bundle in force."""

    x509: list[Slot]
    jwt: list[Slot]
    bundle: list[Vouching]
    sequence_number: int
    refresh_hint: int | None
    adoption: dict[str, int]
    federated: list[FederatedBundle]


def authorities(server: ServerReading, now: float) -> Authorities:
    bundle = server.bundle
    return Authorities(
        x509=[_slot(one, now) for one in server.x509_authorities],
        jwt=[_slot(one, now) for one in server.jwt_authorities],
        bundle=_vouching(bundle, server) if bundle else [],
        sequence_number=bundle.sequence_number if bundle else 0,
        refresh_hint=bundle.refresh_hint or None if bundle else None,
        adoption=dict(Counter(one.state.value for one in server.agents.values())),
        federated=[_federated(one) for one in server.federated],
    )


def _slot(one: Authority, now: float) -> Slot:
    return Slot(
        id=one.id,
        slot=one.slot,  # type: ignore[arg-type]  # one of three words, by the source
        expires_at=one.expires_at,
        left=max(one.expires_at - now, 0),
        upstream_id=one.upstream_id,
    )


def _vouching(bundle: Bundle, server: ServerReading) -> list[Vouching]:
    own = {one.id for one in (*server.x509_authorities, *server.jwt_authorities)}
    found = []
    for root in bundle.x509_authorities:
        try:
            certificate = read(root.der)
        except FinialError:  # vouches for nothing that anybody could verify
            continue
        key_id = (certificate.subject_key_id or b"").hex()
        found.append(
            Vouching(
                id=key_id,
                kind="x509",
                begins_at=certificate.not_before.timestamp(),
                expires_at=certificate.not_after.timestamp(),
                tainted=root.tainted,
                own=key_id in own,
            )
        )
    for key in bundle.jwt_authorities:
        found.append(
            Vouching(
                id=key.key_id,
                kind="jwt",
                begins_at=None,
                expires_at=float(key.expires_at) or None,
                tainted=key.tainted,
                own=key.key_id in own,
            )
        )
    return found


def _federated(bundle: Bundle) -> FederatedBundle:
    return FederatedBundle(
        trust_domain=bundle.trust_domain.name,
        x509=len(bundle.x509_authorities),
        jwt=len(bundle.jwt_authorities),
        sequence_number=bundle.sequence_number,
        refresh_hint=bundle.refresh_hint or None,
    )
