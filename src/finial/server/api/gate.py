"""The gate before every handler: who calls, may they, are they too fast; and what is logged of it.

Order, SPIRE 1.15 `pkg/server/endpoints/middleware`: any > local > admin by configuration > admin or
downstream by an entry of the caller's ID > attested agent. Nothing allowed: PermissionDenied. An agent is
who the index says it is now: not expired, not banned, with the serial number in force; the first call
with a renewed certificate makes its serial number the one in force.

A caller is judged when its call begins, again with each message that it sends, and after it was held back for
its rate: a call may be opened long before its request comes, and a right that ended meanwhile opens nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import nullcontext
from functools import partial
from typing import Any

from grpclib.const import Status

from finial.errors import (
    Denial,
    FailedPrecondition,
    FinialError,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from finial.registry.agent import Agent
from finial.runtime.clock import Clock
from finial.runtime.grpc import Call, GRPCError, Stream, judge_messages, trailers_of
from finial.runtime.limits import RateLimiter
from finial.runtime.log import FieldValue, Logger
from finial.runtime.metrics import CANCELED, OK, Metrics, rpc_key
from finial.server.api.access import COUNTED_BY_ITEM, RULES, STREAMS, Rate, Rule
from finial.server.api.audited import CallAudit
from finial.server.api.caller import Caller, CallRecord, Class, begin, caller_of, log_refusal
from finial.server.follow import Follower
from finial.server.recent import Author, RecentChanges
from finial.spiffe.id import SpiffeId
from finial.store import Position, Store
from finial.svid.x509 import X509Svid
from finial.wire.metadata import POSITION
from finial.wire.status import status_code_name, to_grpc_error

VIA = {
    Class.LOCAL: "transport",
    Class.AGENT: "datastore",
    Class.ADMIN: "entries",
    Class.DOWNSTREAM: "entries",
}
REFUSALS = {
    Denial.AGENT_EXPIRED: "Agent SVID is expired",
    Denial.AGENT_NOT_ATTESTED: "Agent is not attested",
    Denial.AGENT_BANNED: "Agent is banned",
    Denial.AGENT_NOT_ACTIVE: "Agent SVID is not active",
}
NOT_ALLOWED = "not_allowed"  # who calls is known, and may not call this
LOGGED = (InvalidArgument, NotFound, FailedPrecondition, Internal)  # denials have their own line


class Gate:
    """`intercept` is what `runtime.grpc.Server` calls. `lifted`: names of rate limits that are switched off."""

    def __init__(
        self,
        store: Store,
        follower: Follower,
        clock: Clock,
        log: Logger,
        metrics: Metrics,
        *,
        admin_ids: Collection[SpiffeId] = (),
        audit: bool = False,
        lifted: Collection[str] = (),
        recent: RecentChanges | None = None,
        stream: CallAudit | None = None,
    ) -> None:
        self._store, self._follower, self._clock, self._log = store, follower, clock, log
        self._admin_ids, self._audit, self._recent = frozenset(admin_ids), audit, recent
        self._stream = stream
        self._limiters: dict[Rate, RateLimiter] = {}
        self._calls = {path: metrics.calls(f"rpc.{rpc_key(path)}") for path in RULES}
        self._held_back = {path: metrics.calls(f"rateLimit.{rpc_key(path)}") for path in RULES}
        self._metrics = metrics
        self.lift(lifted)

    def lift(self, names: Collection[str]) -> None:
        """Only these limits are off from here on; who waits for another's, waits on."""
        rates = {rule.rate for rule in RULES.values() if rule.rate and rule.rate.group not in names}
        held, clock = self._limiters, self._clock
        self._limiters = {
            rate: held[rate] if rate in held else RateLimiter(rate.per_second, clock) for rate in rates
        }

    @property
    def limited(self) -> frozenset[str]:
        """Names of the limits that are on."""
        return frozenset(rate.group for rate in self._limiters if rate.group)

    async def intercept(self, stream: Stream[Any, Any], path: str, call: Call) -> None:
        calls = self._calls.get(path)
        counting = calls.measured(left=OK if path in STREAMS else CANCELED) if calls else nullcontext()
        try:
            with counting:
                await self._let_through(stream, path, call)
        except PermissionDenied as why:  # also in the midst of a call
            reason = why.reason.name.lower() if why.reason else NOT_ALLOWED
            self._metrics.counter("finial.denials_total", reason=reason).add()
            raise

    async def _let_through(self, stream: Stream[Any, Any], path: str, call: Call) -> None:
        auditing = self._audit or (self._stream is not None and self._stream.wants(path))
        record = begin(path, caller_of(stream), self._log, auditing=auditing)
        try:
            await self._let_in(stream, record)
        except FinialError as why:
            if self._stream is not None:
                self._stream.deny(record, to_grpc_error(why))
            raise
        try:
            await call()
        except (FinialError, GRPCError) as why:
            if isinstance(why, LOGGED):
                log_refusal(why)
            self._write_audit(stream, record, to_grpc_error(why))
            raise
        except asyncio.CancelledError:  # what it was to do may be done
            self._tell_stream(stream, record, GRPCError(Status.CANCELLED, "the caller left"))
            raise
        self._write_audit(stream, record, None)
        self._note_write(stream, record)

    async def _let_in(self, stream: Stream[Any, Any], record: CallRecord) -> None:
        """Raises: PermissionDenied, ResourceExhausted; Unavailable where nothing is done without a record."""
        found = await self._authorize(record)
        record.authorized_as = found.value
        record.log = record.log.with_fields(
            authorized_as=found.value, authorized_via=self._via(found, record)
        )
        judge_messages(stream, partial(self._authorize, record))
        rule = RULES[record.path]
        if rule.rate and record.path not in COUNTED_BY_ITEM:
            left = None if stream.deadline is None else stream.deadline.time_remaining()
            await self.limit(record, rule.rate, 1, timeout=left)
        if self._stream is not None:
            self._stream.require(record.path)

    async def limit(
        self, record: CallRecord, rate: Rate, count: int, *, timeout: float | None = None
    ) -> None:
        """Returns when so many calls of this caller are due; the admin socket is not limited. `timeout`: seconds
        to the call's deadline.

        Raises: ResourceExhausted; PermissionDenied if the caller lost its right meanwhile.
        """
        limiter = self._limiters.get(rate)
        if limiter is None or not record.caller.host:
            return
        try:
            with self._held_back[record.path].measured():
                await limiter.wait(record.caller.host, count, timeout=timeout)
        except FinialError as why:
            raise why.within(rate.why) from why
        await self._authorize(record)

    async def _authorize(self, record: CallRecord) -> Class:
        """Raises: PermissionDenied."""
        try:
            found = await self._class_of(record.path, record.caller, RULES.get(record.path), record.log)
            if found is None:
                raise denied(record.path)
        except PermissionDenied as why:
            record.log.error("Failed to authenticate caller", error=_as_go(why))
            raise
        return found

    def _via(self, found: Class, record: CallRecord) -> str:
        if found is Class.ADMIN and record.caller.id in self._admin_ids:
            return "config"
        return VIA.get(found, "")

    async def _class_of(self, path: str, caller: Caller, rule: Rule | None, log: Logger) -> Class | None:
        """As which of its classes the caller is let in."""
        if rule is None:
            return None
        if Class.ANY in rule.allowed:
            return Class.ANY
        if caller.peer is not None:
            return Class.LOCAL if Class.LOCAL in rule.allowed else None
        if caller.svid is None:
            return None
        in_time = caller.svid.not_after > self._clock.now()  # a connection may outlive its certificate
        if Class.ADMIN in rule.allowed and in_time and self._is_admin(caller.svid.id):
            return Class.ADMIN
        if Class.DOWNSTREAM in rule.allowed and in_time and self._has_entry(caller.svid.id, "downstream"):
            return Class.DOWNSTREAM
        if Class.AGENT in rule.allowed:
            await self.check_agent(caller.svid, path, log)
            return Class.AGENT
        return None

    def _is_admin(self, caller_id: SpiffeId) -> bool:
        return caller_id in self._admin_ids or self._has_entry(caller_id, "admin")

    def _has_entry(self, caller_id: SpiffeId, flag: str) -> bool:
        return any(getattr(entry, flag) for entry in self._follower.index.with_spiffe_id(caller_id))

    async def check_agent(self, svid: X509Svid, path: str, log: Logger) -> None:
        """Raises: PermissionDenied with the reason, unless it is an agent in good standing."""
        reason = self.denial(svid)
        if reason is None:
            agent = self._follower.index.agents.get(svid.id)
            if agent is not None and agent.serial_number != str(svid.serial_number):
                reason = await self._promote(agent, str(svid.serial_number))
        if reason is not None:
            log.error(REFUSALS.get(reason, "Agent is refused"))
            raise denied(path, reason)

    def denial(self, svid: X509Svid) -> Denial | None:
        """By what the index says now; a renewed certificate counts before its first use."""
        if svid.not_after <= self._clock.now():
            return Denial.AGENT_EXPIRED
        agent = self._follower.index.agents.get(svid.id)
        if agent is None:
            return Denial.AGENT_NOT_ATTESTED
        return agent.denial(str(svid.serial_number))

    async def _promote(self, agent: Agent, serial_number: str) -> Denial | None:
        try:
            done = await self._store.activate_serial(agent.id, serial_number)
        except NotFound:  # evicted meanwhile
            return Denial.AGENT_NOT_ATTESTED
        await self._follower.caught_up(done.position)
        return done.value.denial(serial_number)

    def _note_write(self, stream: Stream[Any, Any], record: CallRecord) -> None:
        """Who made a change, for those who look at the changes of late."""
        position = position_of(stream)
        if self._recent is not None and position is not None:
            author = Author(record.caller.name, record.path.rpartition("/")[2])
            self._recent.wrote(Position.decode(position), author)

    def _tell_stream(self, stream: Stream[Any, Any], record: CallRecord, error: GRPCError | None) -> None:
        if self._stream is not None:
            self._stream.tell(record, error, position_of(stream))

    def _write_audit(self, stream: Stream[Any, Any], record: CallRecord, error: GRPCError | None) -> None:
        self._tell_stream(stream, record, error)
        if not self._audit:
            return
        lines = [_outcome(failure) | fields for failure, fields, _ in record.items]
        if error is not None or not record.items:
            text = "" if error is None else f"{status_code_name(error.status.value)}: {error.message}"
            lines.append(_outcome(text) | record.audited)
        log = record.log.with_fields(type="audit", **record.caller.audit_fields())
        log.info_each("API accessed", lines)


def position_of(stream: Stream[Any, Any]) -> bytes | None:
    """What a write reached in the change log; None before it did."""
    position = trailers_of(stream).get(POSITION)
    return position if isinstance(position, bytes) else None


def _outcome(failure: str) -> dict[str, FieldValue]:
    """What an audit record says of "Code: message", or of success."""
    if not failure:
        return {"status": "success"}
    code, _, message = failure.partition(": ")
    return {"status": "error", "status_code": code, "status_message": message}


def denied(path: str, reason: Denial | None = None) -> PermissionDenied:
    return PermissionDenied(f"authorization denied for method {path}", reason=reason)


def _as_go(error: FinialError) -> str:
    return f"rpc error: code = PermissionDenied desc = {error.message}"
