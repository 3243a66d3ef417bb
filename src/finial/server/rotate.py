"""Drives the rotation of the server's authorities on a clock.

What is due and what a change means is decided by `authority.rotation`, pure; here its effects are run:
keys are generated and certified, the bundle and the journal written, the signer told. Checked every 10 s, as in
SPIRE 1.15 `pkg/server/ca/rotator`, whose log phrases these are. What fails for one kind does not hold up the
other, and leaves the authority that signs as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from finial.authority.ca import X509Ca, public_bytes
from finial.authority.issue import Issuer
from finial.authority.journal import Journal, JwtKeyRecord, X509CaRecord
from finial.authority.jwt import JwtIssuer, JwtKey
from finial.authority.policy import Policy
from finial.authority.rotation import (
    Activate,
    Effect,
    Kind,
    Persist,
    Prepare,
    Publish,
    Revoke,
    Rotation,
    Sign,
    Taint,
    Transition,
)
from finial.authority.upstream import check_upstream_id, is_vouched_for, require_no_upstream, require_upstream
from finial.errors import FinialError, Internal, InvalidArgument, NotFound
from finial.plugin.kinds import KeyManager, PrivateKey
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.server.certify import Certifier, Upstream
from finial.server.sign import Signer
from finial.spiffe.bundle import Bundle, X509Authority
from finial.store import Position, Store
from finial.svid.certificate import read

Record = X509CaRecord | JwtKeyRecord
NAMES = {Kind.X509: "X.509", Kind.JWT: "JWT"}
INTERVAL = 10.0  # seconds between looks at what is due
FAILED = "Failed to rotate local authorities"


class Authorities:
    """The authorities of this server. `begin` once; then keep `run` running."""

    def __init__(
        self,
        store: Store,
        keys: KeyManager,
        signer: Signer,
        clock: Clock,
        log: Logger,
        *,
        jwt_enabled: bool = True,
        upstream: Upstream | None = None,
    ) -> None:
        self._store, self._keys, self._signer, self._clock = store, keys, signer, clock
        self._log = log.subsystem("ca_manager")
        self._jwt_enabled = jwt_enabled
        self._everywhere: Callable[[Position], bool] | None = None
        self._published: Position | None = None  # at which the newest authority stands in the bundle
        self._certifier = Certifier(lambda: signer.policy, clock, self._log, upstream)
        self._journal_row: int | None = None
        self._changing = asyncio.Lock()  # the clock's steps and an operator's do not mix
        self.state = Rotation()

    @property
    def _policy(self) -> Policy:
        return self._signer.policy

    def follow(self, everywhere: Callable[[Position], bool], now: Position) -> None:
        """From here on an authority waits until its publication has arrived everywhere, at the longest as
        SPIRE's own timer lets it. `now`: where all that was published before stands at the latest."""
        self._everywhere = everywhere
        self._published = self._published or now

    async def begin(self) -> None:
        """Loads the journal and makes what is missing: the server can sign once this returns.

        Raises: as `advance`, if something is missing; a next authority that cannot be made yet can wait.
        """
        held = await self._keys.keys()
        journal = await self._load_journal(held)
        bundle = await self._store.bundle(self._policy.trust_domain)
        roots = set(bundle.x509_roots) if bundle else set()
        key_ids = {one.key_id for one in bundle.jwt_authorities} if bundle else set()
        self._log.info(
            "Journal loaded",
            x509_cas=len(journal.x509_cas),
            jwt_keys=len(journal.jwt_keys),
            wit_keys=len(journal.wit_keys),
        )
        self.state = Rotation.load(
            journal,
            lambda one: self._is_usable_ca(one, held) and self._is_trusted(one, roots),
            lambda one: self._is_usable_key(one, held) and one.key_id in key_ids,
        )
        for kind in self._kinds():
            current = self.state.slots(kind).current
            if current is not None:
                await self._run(Sign(kind, current.authority_id))
        try:
            await self.advance()
        except FinialError as why:
            if any(self.state.slots(kind).current is None for kind in self._kinds()):
                raise
            self._log.error(FAILED, error=why)

    def _kinds(self) -> tuple[Kind, ...]:
        return (Kind.X509, Kind.JWT) if self._jwt_enabled else (Kind.X509,)

    async def _load_journal(self, held: Mapping[str, PrivateKey]) -> Journal:
        """The row whose active authority has its key here."""
        self._log.debug("Loading journal from datastore")
        mine = {_key_id_of(key) for name, key in held.items() if name.startswith(Kind.X509.value)}
        for stored in await self._store.load_journals():
            if stored.active_x509_authority_id in mine:
                self._journal_row = stored.id
                return stored.journal
        self._log.info("There is not a CA journal record that matches any of the local X509 authority IDs")
        return Journal()

    def _is_usable_ca(self, record: X509CaRecord, held: Mapping[str, PrivateKey]) -> bool:
        key = held.get(Kind.X509.key_id(record.slot_id))
        alive = record.not_after > self._clock.unix()
        return alive and key is not None and public_bytes(key) == read(record.certificate).public_key

    def _is_trusted(self, record: X509CaRecord, roots: set[bytes]) -> bool:
        """Below an upstream authority a CA is not in the bundle itself."""
        if not self._certifier.has_upstream:
            return record.certificate in roots
        return is_vouched_for(record, roots, self._clock.now())

    def _is_usable_key(self, record: JwtKeyRecord, held: Mapping[str, PrivateKey]) -> bool:
        key = held.get(Kind.JWT.key_id(record.slot_id))
        alive = record.not_after > self._clock.unix()
        return alive and key is not None and public_bytes(key) == record.public_key

    async def run(self) -> None:
        """Until cancelled. A step that fails is logged and tried again at the next look."""
        while True:
            await self._clock.sleep(INTERVAL)
            try:
                await self.advance()
            except FinialError as why:
                self._log.error(FAILED, error=why)

    async def advance(self) -> None:
        """Does all that is due now, of each kind. Raises: the first that generating, signing or storing raises."""
        failures: list[FinialError] = []
        async with self._changing:
            for kind in self._kinds():
                try:
                    await self._advance(kind)
                except FinialError as why:
                    failures.append(why)
        if failures:
            raise failures[0]

    async def _advance(self, kind: Kind) -> None:
        if kind is Kind.X509 and (roots := await self._certifier.new_roots()):
            await self._run(Publish(x509=roots))
        while (due := self.state.due(self._clock.unix(), self._is_acknowledged, (kind,))) is not None:
            if isinstance(due, Prepare):
                await self._prepare(due)
            else:
                await self._activate(due)

    # What operators ask for

    async def prepare(self, kind: Kind) -> Record:
        """A new authority in the free slot; one that was prepared there is given up."""
        async with self._changing:
            await self._prepare(Prepare(kind, self.state.slots(kind).free_slot))
        prepared = self.state.slots(kind).prepared
        if prepared is None:
            raise Internal("the prepared authority is gone")
        return prepared

    async def activate(self, kind: Kind, authority_id: str) -> Record:
        """Raises: InvalidArgument or Internal, in SPIRE's words, unless it is the prepared one."""
        async with self._changing:
            self.state.check_activation(kind, authority_id)
            await self._apply(self.state.activated(kind))
        current = self.state.slots(kind).current
        if current is None:
            raise Internal("the activated authority is gone")
        return current

    async def taint(self, kind: Kind, authority_id: str) -> None:
        """What it signed is to be renewed now. Raises: InvalidArgument, Internal."""
        async with self._changing:
            require_no_upstream(self._is_below(kind), "tainted")
            transition = self.state.tainted(kind, authority_id)
            await self._mark("taint", f"{NAMES[kind]} authority", transition)

    async def revoke(self, kind: Kind, authority_id: str) -> None:
        """What it signed verifies no longer. Raises: InvalidArgument, Internal."""
        async with self._changing:
            require_no_upstream(self._is_below(kind), "revoked")
            bundle = await self._store.bundle(self._policy.trust_domain)
            published = [one.key_id for one in bundle.jwt_authorities] if bundle else []
            transition = self.state.revoked(kind, authority_id, published)
            await self._mark("revoke", f"{NAMES[kind]} authority", transition)

    async def taint_upstream(self, subject_key_id: str) -> None:
        """All below this root is to be renewed now. Raises: FailedPrecondition, InvalidArgument, Internal."""
        async with self._changing:
            transition = self._of_upstream(Taint, subject_key_id, "provided subject key id is not valid")
            await self._mark("taint", "upstream authority", transition)

    async def revoke_upstream(self, subject_key_id: str) -> None:
        """Nothing below this root verifies from here on. Raises: as `taint_upstream`."""
        async with self._changing:
            transition = self._of_upstream(Revoke, subject_key_id, "invalid subject key ID")
            await self._mark("revoke", "X.509 upstream authority", transition)

    def _of_upstream(
        self, change: type[Taint] | type[Revoke], subject_key_id: str, refused: str
    ) -> Transition:
        require_upstream(self._certifier.has_upstream)
        try:
            check_upstream_id(self.state.x509, subject_key_id)
        except InvalidArgument as why:
            raise why.within(refused) from why
        return Transition(self.state, (change(Kind.X509, subject_key_id),))

    def _is_below(self, kind: Kind) -> bool:
        return kind is Kind.X509 and self._certifier.has_upstream

    async def _mark(self, verb: str, what: str, transition: Transition) -> None:
        """What the bundle refuses is Internal, as in SPIRE."""
        try:
            await self._apply(transition)
        except FinialError as why:
            raise Internal(f"failed to {verb} {what}: {why.message}") from why

    def _is_acknowledged(self, _: str) -> bool:
        if self._everywhere is None or self._published is None:
            return False
        return self._everywhere(self._published)

    async def _prepare(self, due: Prepare) -> None:
        is_x509 = due.kind is Kind.X509
        self._log.debug("Preparing X509 CA" if is_x509 else "Preparing JWT key", slot=due.slot_id)
        key_type = self._policy.ca_key_type if is_x509 else self._policy.jwt_key
        key = await self._keys.generate(due.key_id, key_type)
        self.state = self.state.without_next(due.kind)
        if is_x509:
            ca = await self._certifier.x509(key)
            ca_record = ca.record(due.slot_id, int(self._clock.unix()))
            await self._apply(self.state.prepared_ca(ca_record, ca.roots))
            self._log_authority("X509 CA prepared", ca_record, is_new=True)
        else:
            made, told = await self._certifier.jwt(key)
            record = made.record(due.slot_id, int(self._clock.unix()))
            await self._apply(self.state.prepared_key(record, told))
            self._log_authority("JWT key prepared", record)

    async def _activate(self, due: Activate) -> None:
        if due.left_behind and self._everywhere is not None:
            self._log.warning(
                "Authority is activated though not everybody acknowledged it",
                local_authority_id=due.authority_id,
            )
        await self._apply(self.state.activated(due.kind))

    async def _apply(self, transition: Transition) -> None:
        """Effects first, in order: state that was not published and stored is not gone on with."""
        for effect in transition.effects:
            await self._run(effect, transition.state)
        self.state = transition.state

    async def _run(self, effect: Effect, state: Rotation | None = None) -> None:
        trust_domain = self._policy.trust_domain
        match effect:
            case Publish(x509, jwt):
                added = Bundle(trust_domain, tuple(X509Authority(der) for der in x509), jwt)
                self._published = (await self._store.append_bundle(added)).position
            case Persist(journal):
                await self._persist(journal)
            case Sign(kind, _):
                await self._sign_with(kind, state or self.state)
            case Taint(kind, authority_id):
                taint = (
                    self._store.taint_x509_authority if kind is Kind.X509 else self._store.taint_jwt_authority
                )
                await taint(trust_domain, authority_id)
            case Revoke(kind, authority_id):
                revoke = (
                    self._store.revoke_x509_authority
                    if kind is Kind.X509
                    else self._store.revoke_jwt_authority
                )
                await revoke(trust_domain, authority_id)

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
        key = (await self._keys.keys())[kind.key_id(record.slot_id)]
        if isinstance(record, X509CaRecord):
            self._signer.use_x509(
                Issuer(X509Ca(record.certificate, key, record.upstream_chain), self._policy)
            )
            self._log_authority("X509 CA activated", record)
            ttl = record.not_after - self._clock.unix()
            self._log.debug(
                "Successfully rotated X.509 CA", trust_domain_id=self._policy.trust_domain.uri, ttl=ttl
            )
        else:
            ends = datetime.fromtimestamp(record.not_after, UTC)
            self._signer.use_jwt(JwtIssuer(JwtKey(record.key_id, key, ends), self._policy))
            self._log_authority("JWT key activated", record)

    def _log_authority(
        self, message: str, record: X509CaRecord | JwtKeyRecord, *, is_new: bool = False
    ) -> None:
        more: dict[str, str | bool] = {}
        if isinstance(record, X509CaRecord):
            more["upstream_authority_id"] = record.upstream_authority_id
            if is_new:
                more["self_signed"] = not self._certifier.has_upstream
        self._log.info(
            message,
            slot=record.slot_id,
            issued_at=datetime.fromtimestamp(record.issued_at, UTC),
            expiration=datetime.fromtimestamp(record.not_after, UTC),
            local_authority_id=record.authority_id,
            **more,
        )


def _key_id_of(key: PrivateKey) -> str:
    """The authority ID that a CA certificate of this key has."""
    from cryptography.x509 import SubjectKeyIdentifier

    return SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()
