"""A program that is called again and again, in a loop of its own: started when the first call comes, and anew after some
hundreds, since calls change it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from grpclib.client import StreamStreamMethod, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.exceptions import GRPCError

from finial.errors import FinialError

CALLS = 400
PATIENCE = 0.2  # seconds, for the first message of a stream
Method = UnaryUnaryMethod[Any, Any] | StreamStreamMethod[Any, Any] | UnaryStreamMethod[Any, Any]


def methods(channel: Any, stubs: Sequence[Callable[[Any], object]]) -> list[Method]:
    """In a fixed order: an input names one by its place."""
    found = [one for stub in stubs for one in vars(stub(channel)).values()]
    return sorted(found, key=lambda one: str(one.name))


@dataclass(slots=True)
class Started:
    """`callers`: the methods as each of them calls them. `before`: what is done before each call."""

    log: io.StringIO
    callers: list[list[Method]]
    metadata: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], None] = lambda: None


class Live:
    def __init__(self, start: Callable[[AsyncExitStack], Awaitable[Started]]) -> None:
        self._start = start
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stack = AsyncExitStack()
        self._left = 0
        self._started: Started

    def call(self, caller: int, number: int, request: Message) -> str:
        """What was logged meanwhile; an error that was thought of is an answer, too."""
        self._loop = self._loop or asyncio.new_event_loop()
        return self._loop.run_until_complete(self._call(caller, number, request))

    async def _call(self, caller: int, number: int, request: Message) -> str:
        if not self._left:
            await self._stack.aclose()
            self._started, self._left = await self._start(self._stack), CALLS
        self._left -= 1
        started = self._started
        started.log.seek(0)
        started.log.truncate()
        started.before()
        method = started.callers[caller % len(started.callers)][number]
        patience = PATIENCE if "Stream" in type(method).__name__ else None
        try:
            async with asyncio.timeout(patience), method.open(metadata=started.metadata) as stream:
                await stream.send_message(request, end=True)
                await stream.recv_message()
        except (FinialError, GRPCError, TimeoutError):
            pass
        return started.log.getvalue()

    def end(self) -> None:
        if self._loop is not None:
            self._loop.run_until_complete(self._stack.aclose())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
        self._loop, self._left = None, 0
