"""A TLS server of ours for the interop tests: welcomes whom the handshake let in, and remembers it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any

import uvloop

from finial.runtime.sockets import Listener, listen_tcp
from finial.runtime.tasks import Tasks
from finial.runtime.tls import FollowingContext, peer_chain, peer_id

WELCOME = b"welcome"
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def run(loop: str, work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(asyncio.wait_for(work, 30))


@dataclass(frozen=True, slots=True)
class Guest:
    """Who got in. `chain`: how many certificates were verified."""

    id: str
    chain: int
    version: str
    alpn: str | None
    resumed: bool


class Welcoming(asyncio.Protocol):
    def __init__(self, guests: list[Guest]) -> None:
        self.guests = guests

    def connection_made(self, transport: Any) -> None:
        tls = transport.get_extra_info("ssl_object")
        self.guests.append(
            Guest(
                str(peer_id(tls) or ""),
                len(peer_chain(tls) or ()),
                tls.version(),
                tls.selected_alpn_protocol(),
                tls.session_reused,
            )
        )
        transport.write(WELCOME)
        transport.close()


class Server:
    def __init__(self, context: FollowingContext, tasks: Tasks) -> None:
        self.guests: list[Guest] = []
        self.reasons: list[str] = []
        self.context = context
        context.on_refusal(self.reasons.append)
        self.listener = Listener(
            listen_tcp("127.0.0.1", 0), lambda _: Welcoming(self.guests), tasks, context=context
        )
        self.port: int = self.listener.address[1]


@contextlib.asynccontextmanager
async def serving(context: FollowingContext) -> AsyncIterator[Server]:
    async with Tasks() as tasks:
        server = Server(context, tasks)
        try:
            yield server
        finally:
            server.listener.close()


async def output_of(*command: str) -> str:
    """What a program writes, both streams, until it ends by itself. Its input stays open till then."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        assert process.stdout is not None
        return (await process.stdout.read()).decode(errors="replace")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
