"""Which service a process is, as told by the launcher that started it: `launcher:service:<name>`.

On one laptop ten services run as one user under one interpreter, and path, user and digest are all equal.
So the launcher hands each process over as it starts it (`runtime.handover`), and the selector holds for
exactly that process while it runs the program that it was started with:

| who connects | gets the selector |
|---|---|
| the service itself | yes |
| a child, forked or spawned | no: another process |
| the service after exec of a shell, or of its own interpreter again | no: program or stack differ |
| the same, hiding itself again after exec, while a fork of it keeps the lifeline | yes, see the last row |
| a second copy started by hand | no: never handed over |
| a later process with the same number | no: the one that was handed over has ended |
| a stranger that the service passes its connected socket to | yes: Linux tells who connected, not who reads |
| other code inside the service's process | yes: a process is the smallest thing that a kernel tells apart |

On Linux an exec of the same program is seen by the stack, which only root and the same user may look at, and
not even that user's agent where the service is not dumpable; there a lifeline must come with the hand-over, or
it is refused. macOS tells of every exec, and who used a connection last.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from finial.errors import FailedPrecondition, FinialError, ResourceExhausted, Unavailable
from finial.plugin.kinds import WorkloadProcess
from finial.runtime import handover
from finial.runtime.handover import AgentEnd, Handover
from finial.runtime.log import Logger
from finial.runtime.peer import Peer, pin_process
from finial.spiffe.selector import Selector

TYPE = "launcher"
MAX_SERVICES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Takes no options."""


@dataclass(frozen=True, slots=True)
class _Service:
    name: str
    process: Peer
    lifeline: int  # -1: the stack is visible

    def check(self) -> None:
        """Raises: Unavailable once it is another program, or none."""
        self.process.check()
        if self.lifeline >= 0 and handover.hung_up(self.lifeline):
            raise Unavailable(f"pid {self.process.pid} runs another program by now")

    def close(self) -> None:
        self.process.close()
        if self.lifeline >= 0:
            os.close(self.lifeline)


class LauncherAttestor:
    """Implements `plugin.kinds.WorkloadAttestor`. `run` takes hand-overs; without it nobody is known."""

    def __init__(self, sock: socket.socket, log: Logger) -> None:
        """`sock` is the agent's end of `handover.channel`; owned from here on."""
        sock.setblocking(False)
        self._launcher = AgentEnd(sock)
        self._log = log
        self._services: dict[int, _Service] = {}

    async def attest(self, process: WorkloadProcess) -> Sequence[Selector]:
        """Empty for a process that no launcher vouches for. Raises: Unavailable if it ended meanwhile."""
        service = self._services.get(process.pid)
        if service is None:
            return ()
        try:
            service.check()
        except FinialError as why:
            self._forget(process.pid)
            self._log.warning("Service of the launcher is itself no more", service=service.name, error=why)
            return ()
        process.check()  # both are alive under one number: they are the same process
        return (Selector(TYPE, f"service:{service.name}"),)

    async def run(self) -> None:
        """Takes hand-overs until the launcher is gone; its services stay known. Cancel it to close."""
        loop = asyncio.get_running_loop()
        readable, descriptor = asyncio.Event(), self._launcher.fileno()
        loop.add_reader(descriptor, readable.set)
        try:
            while self._take_all():
                readable.clear()
                await readable.wait()
        finally:
            loop.remove_reader(descriptor)
            self._launcher.close()

    def close(self) -> None:
        """Forgets every service, and takes no further one."""
        self._launcher.close()
        for pid in tuple(self._services):
            self._forget(pid)

    def _take_all(self) -> bool:
        """What has arrived; False once the launcher is gone."""
        while True:
            try:
                record = self._launcher.receive()
            except BlockingIOError:
                return True
            except ConnectionError:
                return False
            except FinialError as why:
                self._log.warning("Hand-over of the launcher was refused", error=why)
                continue
            if record is None:
                return False
            self._take(record)

    def _take(self, record: Handover) -> None:
        try:
            self._services[record.pid] = self._pinned(record)
        except FinialError as why:
            self._log.warning("Hand-over of the launcher was refused", service=record.service, error=why)
            self._launcher.refuse(record.pid, why)
            return
        self._log.info("Service of the launcher is known", service=record.service, pid=record.pid)
        self._launcher.acknowledge(record)

    def _pinned(self, record: Handover) -> _Service:
        """The descriptors are the service's from here on, or closed."""
        try:
            process = pin_process(record.pid, record.pidfd, deep=True)
        except BaseException:
            for descriptor in (record.pidfd, record.lifeline):
                if descriptor >= 0:
                    os.close(descriptor)
            raise
        service = _Service(record.service, process, record.lifeline)
        try:
            self._forget_ended()
            if len(self._services) >= MAX_SERVICES:
                raise ResourceExhausted(f"more than {MAX_SERVICES} services")
            if process.start_time != record.start_time:
                raise FailedPrecondition(f"pid {record.pid} is another process by now")
            if not process.sees_exec and record.lifeline < 0:
                raise FailedPrecondition(
                    f"pid {record.pid} may not be looked into, so an exec of its own program would go unseen",
                    hint="hand a lifeline over, or run the agent as root",
                )
            service.check()
        except BaseException:
            service.close()
            raise
        self._forget(record.pid)
        return service

    def _forget_ended(self) -> None:
        for pid, service in tuple(self._services.items()):
            try:
                service.check()
            except FinialError:
                self._forget(pid)

    def _forget(self, pid: int) -> None:
        service = self._services.pop(pid, None)
        if service is not None:
            service.close()
