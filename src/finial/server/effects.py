"""Runs what changes of the authorities are made of: on the bundle, the journal, the keys and the signer.

Each can be repeated: a server that ended between two goes on at its next start. Log phrases are those of
SPIRE 1.15 `pkg/server/ca/manager`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from finial.authority.ca import X509Ca
from finial.authority.issue import Issuer
from finial.authority.journal import Journal, X509CaRecord
from finial.authority.jwt import JwtIssuer, JwtKey
from finial.authority.rotation import Rotation
from finial.authority.slots import AnyRecord, Kind
from finial.authority.steps import Effect, Persist, Publish, Revoke, Sign, Taint
from finial.errors import Internal, NotFound
from finial.plugin.kinds import KeyManager, PrivateKey
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.runtime.metrics import Metrics
from finial.server.audit import AuthorityAudit
from finial.server.sign import Signer
from finial.spiffe.bundle import Bundle, X509Authority
from finial.store import Position, Store


class Effects:
    """`published`: where the newest authority stands in the bundle, and since when on the monotonic clock; None
    before the first."""

    def __init__(
        self,
        store: Store,
        keys: KeyManager,
        signer: Signer,
        clock: Clock,
        log: Logger,
        metrics: Metrics,
        audit: AuthorityAudit | None = None,
    ) -> None:
        self._audit = audit or AuthorityAudit(None)
        self._store, self._keys, self._signer, self._clock, self._log = store, keys, signer, clock, log
        self._counted = Activations(metrics)
        self._journal_row: int | None = None
        self.published: Position | None = None
        self.published_at = clock.monotonic()

    async def load_journal(self, held: Mapping[str, PrivateKey]) -> Journal:
        """The row whose active authority has its key here; it is written to from here on."""
        self._log.debug("Loading journal from datastore")
        mine = {_key_id_of(key) for name, key in held.items() if name.startswith(Kind.X509.value)}
        for stored in await self._store.load_journals():
            if stored.active_x509_authority_id in mine:
                self._journal_row = stored.id
                return stored.journal
        self._log.info("There is not a CA journal record that matches any of the local X509 authority IDs")
        return Journal()

    async def run(self, effect: Effect, state: Rotation) -> None:
        """`state`: the one that the effect leads to. Raises: what storing raises; Internal without a signer."""
        trust_domain = self._signer.policy.trust_domain
        match effect:
            case Publish(x509, jwt):
                added = Bundle(trust_domain, tuple(X509Authority(der) for der in x509), jwt)
                self.published = (await self._store.append_bundle(added)).position
                self.published_at = self._clock.monotonic()
            case Persist(journal):
                await self._persist(journal)
            case Sign(kind, _):
                await self._sign_with(kind, state)
            case Taint(kind, authority_id):
                taint = (
                    self._store.taint_x509_authority if kind is Kind.X509 else self._store.taint_jwt_authority
                )
                await taint(trust_domain, authority_id)
                self._audit.tainted(kind, authority_id)
            case Revoke(kind, authority_id):
                revoke = (
                    self._store.revoke_x509_authority
                    if kind is Kind.X509
                    else self._store.revoke_jwt_authority
                )
                await revoke(trust_domain, authority_id)
                self._audit.revoked(kind, authority_id)

    async def _persist(self, journal: Journal) -> None:
        active = journal.active_x509_authority_id
        if self._journal_row is None:
            self._log.info("Creating a new CA journal entry")
        try:
            stored = await self._store.put_journal(self._journal_row, journal, active)
        except NotFound:  # pruned meanwhile
            stored = await self._store.put_journal(None, journal, active)
        self._journal_row = stored.value.id
        self._log.debug(
            "Successfully stored CA journal entry in datastore",
            ca_journal_id=self._journal_row,
            local_authority_id=active,
        )

    async def _sign_with(self, kind: Kind, state: Rotation) -> None:
        record = state.slots(kind).current
        if record is None:
            raise Internal("no active authority to sign with")
        policy = self._signer.policy
        key = (await self._keys.keys())[kind.key_id(record.slot_id)]
        if isinstance(record, X509CaRecord):
            ca = X509Ca(record.certificate, key, record.upstream_chain)
            self._signer.use_x509(Issuer(ca, policy))
            self._log.info("X509 CA activated", **fields_of(record))
            ttl = record.not_after - self._clock.unix()
            self._counted.x509(policy.trust_domain.name, record.not_after, ttl)
            self._log.debug("Successfully rotated X.509 CA", trust_domain_id=policy.trust_domain.uri, ttl=ttl)
        else:
            ends = datetime.fromtimestamp(record.not_after, UTC)
            self._signer.use_jwt(JwtIssuer(JwtKey(record.key_id, key, ends), policy))
            self._log.info("JWT key activated", **fields_of(record))
            self._counted.jwt()
        self._audit.activated(kind, record)


class Activations:
    """Of authorities, as SPIRE counts them: also what the journal says at the start."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def x509(self, trust_domain: str, not_after: int, ttl: float) -> None:
        self._metrics.counter("ca.manager.x509_ca.activate").add()
        for what, value in (("expiration", not_after), ("ttl", ttl)):
            self._metrics.gauge(f"manager.x509_ca.rotate.{what}", trust_domain_id=trust_domain).set(value)

    def jwt(self) -> None:
        self._metrics.counter("manager.jwt_key.activate").add()


def fields_of(record: AnyRecord) -> dict[str, str | datetime]:
    """What a line of the log tells of an authority."""
    fields: dict[str, str | datetime] = {
        "slot": record.slot_id,
        "issued_at": datetime.fromtimestamp(record.issued_at, UTC),
        "expiration": datetime.fromtimestamp(record.not_after, UTC),
        "local_authority_id": record.authority_id,
    }
    if isinstance(record, X509CaRecord):
        fields["upstream_authority_id"] = record.upstream_authority_id
    return fields


def _key_id_of(key: PrivateKey) -> str:
    """The authority ID that a CA certificate of this key has."""
    from cryptography.x509 import SubjectKeyIdentifier

    return SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()
