"""Who this node is: the identity of the last run, or a new one by attestation.

An attestation that fails is tried again every five seconds for a minute (a day, where the agent may have to start
its trust over), then given up: a supervisor starts the agent anew. A server that denies the node ends it at once.
SPIRE 1.15 `pkg/agent/attestor/node`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from finial.agent.attest import attest
from finial.agent.bootstrap import FirstTrust, first_bundle, stored_bundle
from finial.agent.connection import ServerAddress
from finial.agent.identity import AgentIdentity, AgentKeys, public_key_of
from finial.agent.rebootstrap import Mode, Rebootstrap
from finial.agent.storage import AgentData, Storage
from finial.errors import FailedPrecondition, FinialError, Internal, PermissionDenied
from finial.plugin.kinds import AgentNodeAttestor
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.runtime.metrics import Metrics
from finial.spiffe.bundle import Bundle
from finial.svid import x509

RETRY_INTERVAL = 5.0
LONGEST_RETRY_INTERVAL = 60.0
RETRY_FOR = 60.0
REBOOTSTRAP_FOR = 24 * 3600.0

ATTESTING = "Failed to retrieve attestation result"

T = TypeVar("T")
OnFailure = Callable[[FinialError], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class NodeMethod:
    """The node attestor and its name, which the server knows it by."""

    name: str
    attestor: AgentNodeAttestor


class Node:
    """Obtains the agent's identity and keeps it in the data directory."""

    def __init__(
        self,
        server: ServerAddress,
        storage: Storage,
        keys: AgentKeys,
        method: NodeMethod,
        first_trust: FirstTrust,
        clock: Clock,
        log: Logger,
        metrics: Metrics,
        *,
        rebootstrap: tuple[Mode, timedelta] = (Mode.NEVER, timedelta()),
    ) -> None:
        self._server = server
        self._storage = storage
        self.keys = keys
        self._method = method
        self._first_trust = first_trust
        self._clock = clock
        self._log = log.with_fields(trust_domain_id=server.trust_domain.uri)
        self._attestations = metrics.calls("node.attestor.new_svid", attestor=method.name)
        self.rebootstrap = Rebootstrap(*rebootstrap, storage, clock, self._log)
        self._to_keep: Bundle | None = None

    async def obtain(self) -> tuple[AgentIdentity, Bundle]:
        """Raises: PermissionDenied, FailedPrecondition for the identity of another trust domain, or after a
        minute of trying what the last attempt raised."""
        self._check_trust_domain(await self._storage.load())
        self.rebootstrap.check()
        obtained = await self.retried(self._obtain, self.rebootstrap.attestation_failed)
        self.rebootstrap.check()
        return obtained

    def _check_trust_domain(self, data: AgentData) -> None:
        if not data.svid:
            return
        held, wanted = x509.parse(data.svid).id, self._server.trust_domain
        if held.trust_domain != wanted:
            raise FailedPrecondition(
                f'stored agent SVID is for "{held}", trust domain "{wanted}" is configured',
                hint="correct trust_domain, or move the files of data_dir away: the agent then attests anew",
            )

    async def retried(
        self, work: Callable[[], Awaitable[T]], on_failure: OnFailure, told: str = ATTESTING
    ) -> T:
        """A step of the start, tried again while its failure may pass; each one is `told` to the log. What
        `on_failure` raises ends it."""
        lasts = RETRY_FOR if self.rebootstrap.mode is Mode.NEVER else REBOOTSTRAP_FOR
        give_up = self._clock.monotonic() + lasts
        while True:
            try:
                return await work()
            except PermissionDenied:
                raise
            except FinialError as why:
                await on_failure(why)
                if self._clock.monotonic() + RETRY_INTERVAL > give_up:
                    raise
                hint = {"hint": why.hint} if why.hint else {}
                self._log.warning(told, error=why, retry_interval=f"{RETRY_INTERVAL:g}s", **hint)
                await self._clock.sleep(RETRY_INTERVAL)

    async def _obtain(self) -> tuple[AgentIdentity, Bundle]:
        bundle = await self._first_bundle()
        self._log.info("Bundle loaded")
        identity = await self._stored_identity()
        if identity is not None:
            self._log.info("SVID loaded", spiffe_id=str(identity.svid.id))
            return identity, bundle
        self._log.info("SVID is not found. Starting node attestation")
        return await self.attest(bundle, None)

    async def attest(self, bundle: Bundle, used: AgentIdentity | None) -> tuple[AgentIdentity, Bundle]:
        """A proof of the node, and its outcome stored. The key of the identity in use is left alone."""
        slot, key = await self.keys.generate(used)
        with self._attestations.measured():
            found = await attest(self._server, bundle, self._method.name, self._method.attestor, key)
        if found.svid.public_key != public_key_of(key) or not found.svid.id.is_agent:
            raise Internal(f'agent SVID is for "{found.svid.id}", which is not what was asked for')
        identity = AgentIdentity(found.svid, key, slot, found.reattestable)
        await self.store(identity)
        await self._storage.store_bundle(found.bundle.x509_roots)
        await self.rebootstrap.succeeded()
        self._log.info(
            "Node attestation was successful",
            spiffe_id=str(found.svid.id),
            reattestable=found.reattestable,
        )
        return identity, found.bundle

    async def store(self, identity: AgentIdentity) -> None:
        await self._storage.store_svid(identity.svid.chain, reattestable=identity.reattestable)

    async def forget(self) -> None:
        """The next start attests."""
        await self._storage.delete_svid()

    async def keep_bundle(self, bundle: Bundle) -> None:
        """Returns once it is stored, or a newer one is to be: a disk may be full for a while, and who starts with
        the bundle of before may know no root of its server's."""
        self._to_keep, pause = bundle, RETRY_INTERVAL
        while self._to_keep is bundle:
            try:
                await self._storage.store_bundle(bundle.x509_roots)
                return
            except FinialError as why:
                self._log.error(
                    "Failed to store bundle", error=why, **({"hint": why.hint} if why.hint else {})
                )
            await self._clock.sleep(pause)
            pause = min(2 * pause, LONGEST_RETRY_INTERVAL)

    async def _first_bundle(self) -> Bundle:
        stored = self._storage.data.bundle
        if stored:
            return stored_bundle(self._server.trust_domain, stored)
        state = await self.rebootstrap.count_attempt()
        return await first_bundle(self._first_trust, self._server, state, self._log)

    async def _stored_identity(self) -> AgentIdentity | None:
        """None if there is none that is of use: then the node is attested."""
        data = self._storage.data
        if not data.svid:
            self._log.debug("No pre-existing agent SVID found. Will perform node attestation")
            if await self.keys.recovered():
                self._log.warning("Keys recovered, but no SVID found. Generating new keypair")
            return None
        expires_at = x509.parse(data.svid).not_after
        if expires_at <= self._clock.now():  # first: a try to attest anew may have replaced its key
            self._log.warning("Stored SVID has expired", expired_at=expires_at)
            return None
        identity = await self.keys.find(data.svid, reattestable=data.reattestable)
        if identity is None:
            self._log.warning("Private key of the stored SVID is not found")
            return None
        return identity if self._has_begun(identity) else None

    def _has_begun(self, identity: AgentIdentity) -> bool:
        """As servers see it; of a node that cannot prove itself again it is used all the same: time may heal it."""
        begins_at = identity.svid.not_before
        if begins_at <= self._clock.now():
            return True
        told = "the clock was set back, or was ahead when the server signed it: no server lets the agent in before"
        self._log.warning("Stored SVID is not valid yet", begins_at=begins_at, hint=told)
        return not identity.reattestable
