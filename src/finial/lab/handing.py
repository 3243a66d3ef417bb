"""The launcher's half of the hand-over: which process is which service, told to each agent anew.

An agent that starts gets a socket pair of its own, then every process that was vouched for and still runs.
"""

from __future__ import annotations

import asyncio
import socket

from finial.errors import InvalidArgument, Unavailable
from finial.lab.process import Child
from finial.runtime import handover
from finial.runtime.handover import Handover

TIMEOUT = 20.0  # seconds; an agent answers once it takes hand-overs


class Handing:
    """Processes by number, and the connection to the agent that runs at the moment."""

    def __init__(self) -> None:
        self._vouched: dict[int, Child] = {}
        self._agent: socket.socket | None = None
        self._one_at_a_time = asyncio.Lock()

    def new_agent(self) -> socket.socket:
        """The end for an agent that is about to start; close it after the start. An older agent gets no
        further word."""
        self.close()
        self._agent, other = handover.channel()
        return other

    async def again(self) -> None:
        """Everything that still runs, to the new agent. Raises: Unavailable if it does not answer."""
        for child in tuple(self._vouched.values()):
            if child.popen.poll() is None:
                await self._send(child)

    async def vouch(self, child: Child) -> None:
        """To the agent of the moment, and to each later one. Raises: Unavailable, InvalidArgument."""
        self._vouched[child.started.pid] = child
        await self._send(child)

    def forget(self, child: Child) -> None:
        self._vouched = {pid: one for pid, one in self._vouched.items() if one is not child}

    def close(self) -> None:
        if self._agent is not None:
            self._agent.close()
            self._agent = None

    async def _send(self, child: Child) -> None:
        async with self._one_at_a_time:
            if self._agent is None:
                raise Unavailable("there is no agent to hand over to")
            if child.process.closed:
                raise InvalidArgument(f'"{child.name}" has ended')
            started = child.started
            record = Handover(
                child.name, started.pid, started.start_time, child.process.pidfd, child.lifeline
            )
            await asyncio.to_thread(handover.send, self._agent, record, TIMEOUT)
