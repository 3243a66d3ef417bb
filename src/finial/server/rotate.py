"""Drives the rotation of the server's authorities on a clock.

What is due and what a change means is decided by `authority.rotation`, pure; here keys are generated and
certified for it, and its effects are run (`effects`). Checked every 10 s, as in SPIRE 1.15
`pkg/server/ca/rotator`, whose log phrases these are. What fails for one kind does not hold up the other, and
leaves the authority that signs as it is. What operators ask for in between: `by_hand`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from finial.authority.ca import public_bytes
from finial.authority.journal import JwtKeyRecord, X509CaRecord
from finial.authority.policy import Policy
from finial.authority.rotation import Rotation, Transition
from finial.authority.slots import Kind
from finial.authority.steps import Activate, Prepare, Publish, Sign
from finial.authority.upstream import is_vouched_for
from finial.errors import FinialError
from finial.plugin.kinds import KeyManager, PrivateKey
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.runtime.metrics import Metrics
from finial.server.audit import AuthorityAudit
from finial.server.certify import Certifier, Upstream
from finial.server.effects import Effects, fields_of
from finial.server.sign import Signer
from finial.spiffe.bundle import Bundle
from finial.store import Position, Store
from finial.svid.certificate import read

INTERVAL = 10.0  # seconds between looks at what is due
FAILED = "Failed to rotate local authorities"


class Authorities:
    """The authorities of this server. `begin` once; then keep `run` running.

    Hold `changing` around `prepare` and `apply`: the clock's steps and an operator's do not mix.
    """

    def __init__(
        self,
        store: Store,
        keys: KeyManager,
        signer: Signer,
        clock: Clock,
        log: Logger,
        metrics: Metrics,
        *,
        jwt_enabled: bool = True,
        upstream: Upstream | None = None,
        audit: AuthorityAudit | None = None,
    ) -> None:
        self._store, self._keys, self._signer, self._clock = store, keys, signer, clock
        self._log = log.subsystem("ca_manager")
        self._jwt_enabled = jwt_enabled
        self._everywhere: Callable[[Position], bool] | None = None
        self._certifier = Certifier(lambda: signer.policy, clock, self._log, upstream)
        self._audit = audit or AuthorityAudit(None)
        self._effects = Effects(store, keys, signer, clock, self._log, metrics, self._audit)
        self._preparing = {
            Kind.X509: metrics.calls("ca.manager.x509_ca.prepare"),
            Kind.JWT: metrics.calls("ca.manager.jwt_key.prepare"),
        }
        self.changing = asyncio.Lock()
        self.state = Rotation()

    @property
    def _policy(self) -> Policy:
        return self._signer.policy

    @property
    def has_upstream(self) -> bool:
        return self._certifier.has_upstream

    @property
    def published(self) -> Position | None:
        """Where the newest authority stands in the bundle; None before the first."""
        return self._effects.published

    @property
    def published_for(self) -> float:
        """Seconds since then; one from before the start counts from the start."""
        return self._clock.monotonic() - self._effects.published_at

    async def bundle(self) -> Bundle | None:
        """The own one; None before the first authority is published."""
        return await self._store.bundle(self._policy.trust_domain)

    def follow(self, everywhere: Callable[[Position], bool], now: Position) -> None:
        """From here on an authority waits until its publication has arrived everywhere, at the longest as
        SPIRE's own timer lets it. `now`: where all that was published before stands at the latest."""
        self._everywhere = everywhere
        self._effects.published = self._effects.published or now

    async def begin(self) -> None:
        """Loads the journal and makes what is missing: the server can sign once this returns.

        Raises: as `advance`, if something is missing; a next authority that cannot be made yet can wait.
        """
        held = await self._keys.keys()
        journal = await self._effects.load_journal(held)
        bundle = await self.bundle()
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
                await self._effects.run(Sign(kind, current.authority_id), self.state)
        try:
            await self.advance()
        except FinialError as why:
            if any(self.state.slots(kind).current is None for kind in self._kinds()):
                raise
            self._log.error(FAILED, error=why)

    def _kinds(self) -> tuple[Kind, ...]:
        return (Kind.X509, Kind.JWT) if self._jwt_enabled else (Kind.X509,)

    def _is_usable_ca(self, record: X509CaRecord, held: Mapping[str, PrivateKey]) -> bool:
        key = held.get(Kind.X509.key_id(record.slot_id))
        alive = record.not_after > self._clock.unix()
        return alive and key is not None and public_bytes(key) == read(record.certificate).public_key

    def _is_trusted(self, record: X509CaRecord, roots: set[bytes]) -> bool:
        """Below an upstream authority a CA is not in the bundle itself."""
        if not self.has_upstream:
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
        async with self.changing:
            for kind in self._kinds():
                try:
                    await self._advance(kind)
                except FinialError as why:
                    failures.append(why)
        if failures:
            raise failures[0]

    async def _advance(self, kind: Kind) -> None:
        if kind is Kind.X509 and (roots := await self._certifier.new_roots()):
            await self._effects.run(Publish(x509=roots), self.state)
        while (due := self.state.due(self._clock.unix(), self._is_acknowledged, (kind,))) is not None:
            if isinstance(due, Prepare):
                await self.prepare(due)
            else:
                await self._activate(due)

    def _is_acknowledged(self, _: str) -> bool:
        if self._everywhere is None or self._effects.published is None:
            return False
        return self._everywhere(self._effects.published)

    async def prepare(self, due: Prepare) -> None:
        """Raises: what generating, certifying or storing raises; nothing is left to activate then."""
        with self._preparing[due.kind].measured():
            await self._prepare(due)

    async def _prepare(self, due: Prepare) -> None:
        is_x509 = due.kind is Kind.X509
        if due.premature:
            self._warn_of_the_clock()
        self._log.debug("Preparing X509 CA" if is_x509 else "Preparing JWT key", slot=due.slot_id)
        key_type = self._policy.ca_key_type if is_x509 else self._policy.jwt_key
        key = await self._keys.generate(due.key_id, key_type)
        self.state = self.state.without_next(due.kind)
        if is_x509:
            ca = await self._certifier.x509(key)
            ca_record = ca.record(due.slot_id, int(self._clock.unix()))
            await self.apply(self.state.prepared_ca(ca_record, ca.roots))
            self._audit.prepared(due.kind, ca_record)
            fields = fields_of(ca_record)
            self._log.info("X509 CA prepared", self_signed=not self.has_upstream, **fields)
        else:
            made, told = await self._certifier.jwt(key)
            record = made.record(due.slot_id, int(self._clock.unix()))
            await self.apply(self.state.prepared_key(record, told))
            self._audit.prepared(due.kind, record)
            self._log.info("JWT key prepared", **fields_of(record))

    def _warn_of_the_clock(self) -> None:
        if (current := self.state.x509.current) is not None:
            self._log.warning(
                "X509 CA is not valid yet: the clock was set back, or was ahead when it was made. Another one is made",
                **fields_of(current),
            )

    async def _activate(self, due: Activate) -> None:
        if due.left_behind and self._everywhere is not None:
            self._log.warning(
                "Authority is activated though not everybody acknowledged it",
                local_authority_id=due.authority_id,
            )
        await self.apply(self.state.activated(due.kind))

    async def apply(self, transition: Transition) -> None:
        """Effects first, in order: state that was not published and stored is not gone on with."""
        for effect in transition.effects:
            await self._effects.run(effect, transition.state)
        self.state = transition.state
