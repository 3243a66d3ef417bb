"""The agent's own SVID, renewed at half of its life, or as early as the operator's availability target asks; at once
when a root that vouches for it is tainted, or when the clock was set back to before it begins: with such an SVID no
server lets in a new connection, but the one in use is good for a renewal.

A new key goes into the other slot and RenewAgent signs it. From then on the server accepts both SVIDs, and
with the first call under the new one it forgets the old one. So the new one is stored before it is used, and
tried out on a connection of its own: if it is denied the old one is taken back; if no answer comes the new
one is used, since it is good whether that call arrived or not. Where the server wants a proof of the node
again, or knows this agent no more, the node is attested anew. SPIRE 1.15 `pkg/agent/svid/rotator.go`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import NoReturn

from finial import SPIRE_VERSION
from finial.agent.connection import ServerAddress, ServerConnection
from finial.agent.identity import AgentIdentity, AgentKeys, public_key_of
from finial.agent.lifetime import HALF, Draw, renewal_time
from finial.errors import Denial, FailedPrecondition, FinialError, Internal, PermissionDenied, Unsupported
from finial.runtime.clock import Clock, until_set_back
from finial.runtime.log import Logger
from finial.runtime.metrics import Metrics
from finial.runtime.tasks import until_first
from finial.spiffe.bundle import Bundle
from finial.svid import csr

RETRY_MIN, RETRY_MAX = 1.0, 60.0
NOT_REATTESTABLE = "attestation method is not re-attestable"
JOINED_BEFORE = "this node must attest anew: make a token with `spire-server token generate` and start the agent with -joinToken"
PROOF_REPEATS = "this node must attest anew: start the agent, and it proves the node by its NodeAttestor"
PROOF_COUNTS_ONCE = (
    "this node must attest anew, and its server takes the proof of a node once: remove the agent there with"
    " `spire-server agent evict` if it is still listed, then start the agent"
)

OnIdentity = Callable[[AgentIdentity], Awaitable[None]]
Reattest = Callable[[], Awaitable[AgentIdentity]]


class Renewal:
    """Holds the identity in use. `on_identity` stores each new one; `reattest` proves the node again;
    `availability_target`, `renewal_share`: see `lifetime.renewal_time`."""

    def __init__(
        self,
        identity: AgentIdentity,
        connection: ServerConnection,
        keys: AgentKeys,
        reattest: Reattest,
        on_identity: OnIdentity,
        clock: Clock,
        draw: Draw,
        log: Logger,
        metrics: Metrics,
        *,
        availability_target: float = 0.0,
        renewal_share: float = HALF,
    ) -> None:
        self.identity = identity
        self._connection = connection
        self._keys = keys
        self._reattest = reattest
        self._on_identity = on_identity
        self._clock = clock
        self._draw = draw
        self._log = log
        self._availability_target = availability_target
        self._renewal_share = renewal_share
        self._at_once = asyncio.Event()
        self._renewals = metrics.calls("agent_svid.rotate")
        self._attestations = metrics.calls("node.attest")
        self.renew_at = self._due()

    def plan(self, availability_target: float, renewal_share: float) -> None:
        """For the identities that follow; the one in use is renewed when it was to be."""
        self._availability_target, self._renewal_share = availability_target, renewal_share

    def taint(self) -> None:
        """A root that vouches for the identity is tainted."""
        self._log.info("Agent SVID is tainted by a root authority, forcing rotation")
        self._at_once.set()

    async def run(self, bundle: Callable[[], Bundle]) -> None:
        """Until cancelled; `bundle` answers what is trusted now.

        Raises: PermissionDenied if the node is refused for good, FailedPrecondition if its SVID has expired and
        nothing proves it again.
        """
        pause, failed = RETRY_MIN, None
        while True:
            await until_first(
                self._clock.wait_until(self.renew_at), self._at_once.wait(), self._until_premature()
            )
            try:
                await self.renew(bundle())
                pause, failed = RETRY_MIN, None
            except FinialError as why:
                hint = {"hint": why.hint} if why.hint else {}
                self._log.error("Failed to rotate agent SVID", error=why, **hint)
                if isinstance(why, PermissionDenied) and why.reason is not None:
                    raise
                if failed is None or not isinstance(why, FailedPrecondition):
                    failed = why
                if self._expired() and not self.identity.reattestable:
                    self._end(failed)
                await self._clock.sleep(self._draw(pause * 0.9, pause * 1.1))
                pause = min(pause * 2, RETRY_MAX)

    def _end(self, failed: FinialError) -> NoReturn:
        """Raises: FailedPrecondition. The SVID has expired; told is why it was not renewed in time."""
        if isinstance(failed, FailedPrecondition):  # it had expired when its renewal began, after a sleep
            raise failed
        told = f"current SVID has already expired and rotate agent SVID failed: {failed.message}"
        raise FailedPrecondition(told, hint=reattest_hint(self.identity)) from failed

    async def _until_premature(self) -> None:
        """Not at once where it is: a server whose clock is ahead signs no other."""
        while True:
            await until_set_back(self._clock)
            if self.identity.svid.not_before > self._clock.now():
                self._log.warning("The clock was set back to before the agent SVID begins, forcing rotation")
                self._at_once.set()
                return

    async def renew(self, bundle: Bundle) -> None:
        """Raises: what the calls raise; then the old identity stays in use."""
        self._log.debug("Rotating agent SVID")
        with self._renewals.measured():
            await self._renew(bundle)
        self._log.info("Successfully rotated agent SVID", spiffe_id=str(self.identity.svid.id))

    async def _renew(self, bundle: Bundle) -> None:
        if self.identity.reattestable:
            await self.attest_anew()
        elif self._expired():  # then no server talks to it
            raise FailedPrecondition(
                f"current SVID has already expired: {NOT_REATTESTABLE}", hint=reattest_hint(self.identity)
            )
        else:
            await self._renewed(bundle)

    async def attest_anew(self) -> None:
        """Raises: what the attestation raises, FailedPrecondition where the proof is spent; then the old identity
        stays in use."""
        if not self.identity.reattestable:
            raise FailedPrecondition(NOT_REATTESTABLE, hint=reattest_hint(self.identity))
        await self._attest_anew()

    async def _attest_anew(self) -> None:
        with self._attestations.measured():
            async with self._connection.quiet():
                await self._adopt(await self._reattest())

    async def _renewed(self, bundle: Bundle) -> None:
        slot, key = await self._keys.generate(self.identity)
        try:
            svid = await self._connection.renew_agent(csr.create(key))
        except PermissionDenied as why:
            if why.reason is not Denial.AGENT_MUST_REATTEST:
                raise
            await self._attest_anew()
            return
        if svid.id != self.identity.svid.id or svid.public_key != public_key_of(key):
            raise Internal(f'renewed agent SVID is for "{svid.id}", which is not what was asked for')
        async with self._connection.quiet():
            await self._try_out(AgentIdentity(svid, key, slot, reattestable=False), bundle)

    async def _try_out(self, fresh: AgentIdentity, bundle: Bundle) -> None:
        await self._on_identity(fresh)
        try:
            await call_once(self._connection.server, bundle, fresh)
        except PermissionDenied:
            await self._on_identity(self.identity)
            raise
        except FinialError as why:
            self._log.warning("No answer to the first call with the new agent SVID", error=why)
        await self._adopt(fresh)

    async def _adopt(self, fresh: AgentIdentity) -> None:
        """Stored first: after a crash the agent starts with what the server knows."""
        await self._on_identity(fresh)
        self.identity = fresh
        self._connection.show(fresh)
        self._at_once.clear()
        self.renew_at = self._due()

    def _expired(self) -> bool:
        return self.identity.svid.not_after <= self._clock.now()

    def _due(self) -> datetime:
        svid = self.identity.svid
        moment = renewal_time(
            svid.not_before.timestamp(),
            svid.not_after.timestamp(),
            self._clock.unix(),
            self._draw,
            self._availability_target,
            self._renewal_share,
        )
        return datetime.fromtimestamp(moment, UTC)


def reattest_hint(identity: AgentIdentity) -> str:
    """What a person does for a node that must prove itself again. By SPIRE's paths a join token is told from what
    can be shown again."""
    if identity.svid.id.path.startswith("/spire/agent/join_token/"):
        return JOINED_BEFORE
    return PROOF_REPEATS if identity.reattestable else PROOF_COUNTS_ONCE


async def call_once(server: ServerAddress, bundle: Bundle, identity: AgentIdentity) -> None:
    """The first call under this identity: with it the server forgets the one before.

    Raises: what the call raises. A server that does not know the call has let the agent in all the same.
    """
    connection = ServerConnection(server, bundle, identity)
    try:
        await connection.post_status(SPIRE_VERSION)
    except Unsupported:
        return
    finally:
        await connection.aclose()
