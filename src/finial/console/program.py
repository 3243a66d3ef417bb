"""The console as a program: options in; serves until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from finial.console import links
from finial.console.access import Access, Role
from finial.console.api.app import build
from finial.console.api.deps import Parts
from finial.console.observatory import Observatory
from finial.console.options import Options, check
from finial.errors import FailedPrecondition
from finial.runtime.clock import SystemClock
from finial.runtime.sockets import listen_tcp
from finial.runtime.tasks import Tasks, until_first
from finial.wire.client import ServerApi

GRACE = 1  # seconds for requests that are under way at the end; events never end by themselves
TAKEN = "address already in use"


@dataclass(slots=True)
class Console:
    """One that listens."""

    options: Options
    port: int
    parts: Parts

    @property
    def address(self) -> str:
        return self.options.address(self.port)

    def link(self, role: Role) -> str:
        """Opens one session."""
        return f"{self.address}/login?token={self.parts.access.link(role, 'link', self.parts.now)}"


async def serve(options: Options, ready: Callable[[Console], None], stopped: asyncio.Event) -> None:
    """Until `stopped`. `ready` is called once it answers. Raises: InvalidArgument, FailedPrecondition, before anything
    is served."""
    check(options)
    with listen(options.host, options.port, options.tries) as sock:
        console = Console(options, sock.getsockname()[1], parts_of(options))
        app = build(console.parts, options.names(console.port), options.page)
        server = Server(configuration(app, options))
        async with _links(console), Tasks() as tasks:
            tasks.start(console.parts.seen.run(), name="observatory")
            serving = tasks.start(server.serve(sockets=[sock]), name="http")
            try:
                await until_first(server.up.wait(), tasks.wait())
                ready(console)
                await until_first(stopped.wait(), tasks.wait())
            finally:
                server.should_exit = True
                await asyncio.shield(serving)


def parts_of(options: Options) -> Parts:
    seen = Observatory(lambda: ServerApi.at(options.server_socket), options.targets, SystemClock())
    return Parts(seen, Access(), options.agent_socket, options.server_socket, bool(options.certificate))


def _links(console: Console) -> contextlib.AbstractAsyncContextManager[None]:
    path = console.options.link_socket
    return links.served(path, console.link) if path else contextlib.nullcontext()


def listen(host: str, wanted: int, tries: int) -> socket.socket:
    """On the wanted port, or the next free one. Raises: FailedPrecondition, and what `listen_tcp` raises else."""
    for port in range(wanted, min(wanted + tries - 1, 65535)):
        try:
            return listen_tcp(host, port)
        except FailedPrecondition as why:
            if TAKEN not in why.message:
                raise
    return listen_tcp(host, min(wanted + tries - 1, 65535))


def configuration(app: ASGIApp, options: Options) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        ssl_certfile=options.certificate or None,
        ssl_keyfile=options.key or None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE,
    )


class Server(uvicorn.Server):
    """One that leaves signals to its program, and tells when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
