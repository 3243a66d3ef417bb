"""When the server's chain is signed by nobody the agent knows: how long that is borne, and when trust starts over.

In come failures and successes of calls; what is due is raised, and the data directory is left such that the
next start takes the configured first bundle and attests. A supervisor starts the agent anew, as with SPIRE.

Modes: `never` goes on with what is held. `auto` and `always` start over once the chain was unknown for the
whole delay, counted from the first failure, over restarts too; a success ends the count. Both need a node that can
attest again: otherwise `always` is an error and `auto` becomes `never`. Who can forge the configured bundle source,
and keep the server out of reach for that delay, gets the agent: that is why `never` is the default.
SPIRE 1.15 `pkg/agent/manager`, `pkg/agent/trustbundlesources`.
"""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from finial.agent.storage import Bootstrap, Storage, Use
from finial.config.durations import format_duration
from finial.errors import FailedPrecondition
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.svid.certificate import read

UNKNOWN_ISSUER = frozenset({7, 18, 19, 20, 21})
"""OpenSSL's X509_V_ERR_...: CERT_SIGNATURE_FAILURE, DEPTH_ZERO_SELF_SIGNED_CERT, SELF_SIGNED_CERT_IN_CHAIN,
UNABLE_TO_GET_ISSUER_CERT_LOCALLY, UNABLE_TO_VERIFY_LEAF_SIGNATURE: where Go says "unknown authority"."""
NOT_REATTESTABLE = (
    "you have requested rebootstrap support but the NodeAttestor plugin or the spire server configuration"
    " is not allowing it"
)
NEVER_HINT = (
    "move the files of data_dir away and start the agent with the bundle of now; rebootstrap_mode lets agents"
    " that can attest again do so themselves"
)


class Mode(StrEnum):
    """SPIRE's words."""

    NEVER = "never"
    AUTO = "auto"
    ALWAYS = "always"


class Rebootstrap:
    """The state is `storage`'s, so that a restart does not begin to count anew."""

    def __init__(self, mode: Mode, delay: timedelta, storage: Storage, clock: Clock, log: Logger) -> None:
        self.mode = mode
        self._delay = delay
        self._storage = storage
        self._clock = clock
        self._log = log
        self._told = False

    @property
    def state(self) -> Bootstrap:
        """A file that does not tell is of an agent that has been trusting the bundle in it, if there is one."""
        data = self._storage.data
        if data.bootstrap.use is not Use.UNKNOWN:
            return data.bootstrap
        return replace(data.bootstrap, use=Use.TRUST_ANEW if data.bundle else Use.FIRST_TRUST)

    def check(self) -> None:
        """With an identity in the storage. Raises: FailedPrecondition if `always` is out of reach."""
        data = self._storage.data
        if self.mode is Mode.NEVER or not data.svid or data.reattestable:
            return
        if self.mode is Mode.ALWAYS:
            raise FailedPrecondition(NOT_REATTESTABLE, hint='set rebootstrap_mode to "auto" or "never"')
        self._log.warning(f"{NOT_REATTESTABLE}. Disabling")
        self.mode = Mode.NEVER

    async def count_attempt(self) -> Bootstrap:
        """A bundle is about to be taken from the configured source."""
        state = self.state
        state = replace(state, started_at=state.started_at or self._clock.now(), attempts=state.attempts + 1)
        await self._storage.store_bootstrap(state)
        return state

    async def attestation_failed(self, why: BaseException) -> None:
        """Before there is an identity: the stored bundle is dropped when it is time."""
        if not is_unknown_authority(why):
            return
        if self.state.use is not Use.TRUST_ANEW:
            self._log.info("Trust Bundle and Server don't agree, bootstrapping again")
        elif await self._is_time():
            self._log.warning("Trust Bundle and Server don't agree, rebootstrapping")
            await self._storage.store_bundle(())

    async def call_failed(
        self, why: BaseException, ending: str = "shutting down for rebootstrapping"
    ) -> None:
        """With an identity. Raises: FailedPrecondition, `ending`, when it is time: identity and trust are dropped."""
        if not is_unknown_authority(why) or not await self._is_time():
            return
        self._log.warning("Trust Bundle and Server don't agree, rebootstrapping")
        await self._storage.start_over(Bootstrap(Use.TRUST_ANEW, self._clock.now()))
        raise FailedPrecondition(ending, hint="start the agent: it attests with its configured first bundle")

    async def succeeded(self) -> None:
        """The server is trusted, or trusted again."""
        self._told = False
        state = self._storage.data.bootstrap
        if state == Bootstrap(Use.TRUST_ANEW):
            return
        if state.started_at is not None:
            taken = format_duration(max(timedelta(), self._clock.now() - state.started_at))
            self._log.info(f"Success after {taken} attempts={state.attempts}")
        await self._storage.store_bootstrap(Bootstrap(Use.TRUST_ANEW))

    async def _is_time(self) -> bool:
        if self.mode is Mode.NEVER:
            if not self._told:
                self._log.error("Trust Bundle and Server don't agree", hint=self._hint())
            self._told = True
            return False
        now = self._clock.now()
        left = self._delay - (now - await self._since(now))
        if left > timedelta():
            told = "Trust Bundle and Server don't agree, ignoring for now"
            self._log.info(told, time_left=format_duration(left))
        return left <= timedelta()

    def _hint(self) -> str:
        """An agent that slept for longer than its roots live is told from one whose server has other keys."""
        ends = [read(der).not_after for der in self._storage.data.bundle]
        if ends and max(ends) <= self._clock.now():
            return (
                f"the last root that this agent holds expired at {max(ends):%Y-%m-%dT%H:%M:%SZ}: {NEVER_HINT}"
            )
        return f"if the server lost its keys, {NEVER_HINT}"

    async def _since(self, now: datetime) -> datetime:
        """A clock that was set back must not make the delay longer."""
        state = self.state
        if state.started_at is not None and state.started_at <= now:
            return state.started_at
        await self._storage.store_bootstrap(replace(state, started_at=now))
        return now


def is_unknown_authority(why: BaseException | None) -> bool:
    """A handshake failed since the peer's chain leads to no root that is held; not since it has expired."""
    while why is not None:
        if isinstance(why, ssl.SSLCertVerificationError):  # one that is not OpenSSL's own has no code
            return getattr(why, "verify_code", 0) in UNKNOWN_ISSUER
        why = why.__cause__
    return False
