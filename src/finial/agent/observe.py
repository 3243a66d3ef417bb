"""`finial.explain.v1.Explain`: what this agent sees of a process and of itself. It judges nothing.

Root and the agent's own user may ask about any process and see all. Any other caller may ask about itself, and sees
its selectors and whether the agent is well, but no entry: which identities there are is not for it to know.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from finial.agent.attestation import WorkloadAttestation
from finial.agent.contact import Contact
from finial.agent.svids import Holdings
from finial.agent.workload_api import caller, check_again
from finial.errors import FinialError, PermissionDenied, Unavailable
from finial.plugin.kinds import WorkloadProcess
from finial.runtime import process as processes
from finial.runtime.clock import Clock
from finial.runtime.grpc import Stream
from finial.runtime.peer import Peer, pin_process
from finial.svid.x509 import X509Svid
from finial.wire.convert.entry import entry_to_wire
from finial.wire.pb.finial.explain.v1 import explain_pb2 as api
from finial.wire.pb.finial.explain.v1.explain_grpc import ExplainBase
from finial.wire.pb.spire.api.types import selector_pb2


class Observer(ExplainBase):
    """`svid` and `position` tell the agent's own SVID and how far it is in the change log."""

    def __init__(
        self,
        socket_path: Path,
        holdings: Holdings,
        attestation: WorkloadAttestation,
        svid: Callable[[], X509Svid],
        position: Callable[[], bytes],
        contact: Contact,
        clock: Clock,
    ) -> None:
        self._socket_path, self._holdings, self._attestation = socket_path, holdings, attestation
        self._svid, self._position, self._contact, self._clock = svid, position, contact, clock

    async def Observe(self, stream: Stream[api.ObserveRequest, api.ObserveResponse]) -> None:
        request = await stream.recv_message() or api.ObserveRequest()
        peer = caller(stream)
        trusted = peer.uid in (0, os.geteuid())
        about_itself = request.pid in (0, request.caller_pid or peer.pid)
        if not (trusted or about_itself):
            raise PermissionDenied(
                f"process {request.pid} is not yours to ask about", hint="ask as root, or as the agent's user"
            )
        answer = api.ObserveResponse(agent=self._agent(), redacted=not trusted)
        await self._look(peer, request, answer)
        if trusted:
            answer.held.extend(self._held())
        check_again(peer)
        await stream.send_message(answer)

    async def _look(self, peer: Peer, request: api.ObserveRequest, answer: api.ObserveResponse) -> None:
        pid = request.pid or request.caller_pid or peer.pid
        answer.process.pid = pid
        answer.process.same_namespace = request.caller_pid in (0, peer.pid)
        if not answer.process.same_namespace:
            answer.process.alive = True  # for all that is known
            return
        if pid == peer.pid:
            await self._attest(peer, answer)
            return
        try:
            process = pin_process(pid)
        except (Unavailable, OSError):
            return
        try:
            await self._attest(process, answer)
        finally:
            process.close()

    async def _attest(self, process: WorkloadProcess, answer: api.ObserveResponse) -> None:
        """A process that ends meanwhile is one that is gone."""
        try:
            found = await self._attestation.asked(process)
        except Unavailable:
            return
        answer.process.alive = True
        answer.process.path = path_of(process.pid)
        for name, one in found:
            told = api.Attestor(name=name)
            if isinstance(one, FinialError):
                told.failure = one.message
            else:
                told.selectors.extend(selector_pb2.Selector(type=each.type, value=each.value) for each in one)
            answer.attestors.append(told)

    def _agent(self) -> api.Agent:
        svid = self._svid()
        return api.Agent(
            spiffe_id=str(svid.id),
            socket=str(self._socket_path),
            now=self._clock.unix(),
            expires_at=svid.not_after.timestamp(),
            synced_at=self._contact.heard_at,
            trouble=self._contact.trouble,
            position=self._position(),
            ahead=self._contact.ahead,
        )

    def _held(self) -> list[api.HeldEntry]:
        tainted = self._holdings.tainted
        found = []
        for entry_id, entry in self._holdings.entries.items():
            held = self._holdings.held(entry_id)
            found.append(
                api.HeldEntry(
                    entry=entry_to_wire(entry),
                    signed=held is not None,
                    not_after=held.svid.not_after.timestamp() if held else 0.0,
                    tainted=entry_id in tainted,
                )
            )
        return found


def path_of(pid: int) -> str:
    try:
        return processes.path(pid)
    except OSError:
        return ""
