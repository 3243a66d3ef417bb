"""A gRPC server over one or more listeners: it owns its connections and calls, and ends without failing one."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl as ssl_module
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self
from typing import Protocol as TypingProtocol

from grpclib import protocol
from grpclib.config import Configuration
from grpclib.const import Handler
from grpclib.encoding.base import StatusDetailsCodecBase
from grpclib.encoding.proto import ProtoStatusDetailsCodec
from h2.config import H2Configuration

from finial.runtime.http2.call import Interceptor, OnError, Service, ToStatus
from finial.runtime.http2.limits import TCP, Limits
from finial.runtime.http2.outcome import status_of
from finial.runtime.http2.protocol import Accepts, Protocol
from finial.runtime.http2.stream import Headers, Stream
from finial.runtime.tasks import Tasks

log = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT = 10.0
BACKLOG = 1024


class Servable(TypingProtocol):
    """What generated `...Base` classes are."""

    def __mapping__(self) -> Mapping[str, Handler]: ...


class Calls(protocol.AbstractHandler):
    """The calls of one connection."""

    def __init__(self, service: Service, tasks: Tasks) -> None:
        self._service, self._tasks = service, tasks
        self._running: dict[protocol.Stream, asyncio.Task[None]] = {}

    def accept(self, stream: protocol.Stream, headers: Headers, release_stream: Any) -> None:
        assert isinstance(stream, Stream)  # noqa: S101 - made by our Connection
        task = self._tasks.start(self._service.answer(stream, headers), name="call")
        self._running[stream] = task
        # Not in the task itself: one that is cancelled before its first step runs no line of its own.
        task.add_done_callback(partial(self._ended, stream, release_stream))

    def _ended(self, stream: protocol.Stream, release_stream: Any, _: asyncio.Task[None]) -> None:
        self._running.pop(stream, None)
        release_stream()

    def cancel(self, stream: protocol.Stream) -> None:
        task = self._running.get(stream)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        for task in self._running.values():
            task.cancel()


@dataclass(slots=True)
class Stats:
    """Since the start. `refused`: connections turned away and streams beyond a limit or after GOAWAY."""

    connections: int = 0
    drained: int = 0
    refused: int = 0


def report(path: str, error: BaseException) -> None:
    log.error("call %s failed", path, exc_info=error)


class Server:
    """`accepts(transport)` names each connection's peer or refuses it; `max_age`: seconds until GOAWAY,
    spread by a tenth. `details_codec` writes what a status carries. `on_error(path, error)` hears of exceptions that no handler should raise.

    A peer that has a `close` method is closed with its connection.
    """

    def __init__(
        self,
        handlers: Collection[Servable],
        limits: Limits = TCP,
        *,
        interceptor: Interceptor | None = None,
        to_status: ToStatus = status_of,
        accepts: Accepts | None = None,
        max_age: float | None = None,
        on_error: OnError = report,
        details_codec: StatusDetailsCodecBase | None = None,
    ) -> None:
        methods: dict[str, Handler] = {}
        for handler in handlers:
            methods.update(handler.__mapping__())
        self._service = Service(
            methods,
            on_error,
            interceptor,
            to_status,
            details_codec=details_codec or ProtoStatusDetailsCodec(),
        )
        self._limits, self._accepts, self._max_age = limits, accepts, max_age
        self._tasks = Tasks(on_error)
        self._config = Configuration().__for_server__()
        self._h2_config = H2Configuration(
            client_side=False,
            header_encoding="ascii",
            validate_inbound_headers=False,
            validate_outbound_headers=False,
            normalize_inbound_headers=False,
            normalize_outbound_headers=False,
        )
        self._listeners: list[asyncio.AbstractServer] = []
        self._connections: set[Protocol] = set()
        self._empty = asyncio.Event()
        self.stats = Stats()

    @property
    def connections(self) -> int:
        return len(self._connections)

    @property
    def calls(self) -> int:
        """Under way, on all connections."""
        return len(self._tasks)

    async def until_idle(self) -> None:
        """Returns once no connection is left."""
        if self._connections:
            await self._empty.wait()

    @property
    def addresses(self) -> list[Any]:
        """Of all own listeners: (host, port, ...) or a path."""
        sockets = [sock for one in self._listeners for sock in getattr(one, "sockets", ())]
        return [sock.getsockname() for sock in sockets]

    def protocol(self, peer: object | None = None) -> Protocol:
        """For a connection that an accept loop of the caller's took; with `peer` given the hook is not asked."""
        accepts = self._accepts if peer is None else lambda _: peer
        return Protocol(
            Calls(self._service, self._tasks),
            self._config,
            self._h2_config,
            self._limits,
            accepts=accepts,
            max_age=self._max_age,
            on_made=self._made,
            on_lost=partial(self._lost, peer),
        )

    def _made(self, made: Protocol) -> None:
        """Only here: a protocol whose TLS handshake fails is never connected, and never lost."""
        self._connections.add(made)
        self._empty.clear()
        self.stats.connections += 1

    def _lost(self, given: object | None, made: Protocol) -> None:
        self._connections.discard(made)
        if not self._connections:
            self._empty.set()
        peer = given
        if made.made:
            peer = made.connection.peer
            self.stats.drained += made.connection.draining.is_set()
            self.stats.refused += made.processor.refused + made.connection.h2.refused_streams
        else:
            self.stats.refused += 1
        close = getattr(peer, "close", None)  # isinstance of a Protocol would cost 40 us a connection
        if close is not None:
            close()

    async def start(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        path: str | None = None,
        sock: socket.socket | None = None,
        ssl: ssl_module.SSLContext | None = None,
    ) -> None:
        """Listens on host and port, a Unix socket's path, or a bound socket; may be called for several."""
        loop = asyncio.get_running_loop()
        timeout = HANDSHAKE_TIMEOUT if ssl is not None else None
        options: dict[str, Any] = {"backlog": BACKLOG, "ssl": ssl, "ssl_handshake_timeout": timeout}
        listener: asyncio.AbstractServer
        if path is not None or (sock is not None and sock.family == socket.AF_UNIX):
            listener = await loop.create_unix_server(self.protocol, path, sock=sock, **options)
        elif sock is not None:
            listener = await loop.create_server(self.protocol, sock=sock, **options)
        else:
            listener = await loop.create_server(self.protocol, host, port or 0, **options)
        self._listeners.append(listener)

    def stop_accepting(self) -> None:
        for listener in self._listeners:
            listener.close()

    async def drain(self, grace: float) -> int:
        """Stops accepting, lets calls finish for `grace` seconds, closes; answers how many calls were cut.

        A caller that accepts connections itself stops doing so first.
        """
        self.stop_accepting()
        for made in list(self._connections):
            made.drain()
        cut = 0
        try:
            await asyncio.wait_for(self.until_idle(), grace)
        except TimeoutError:
            cut = sum(len(made.processor.streams) for made in self._connections if made.made)
        await self.close()
        return cut

    async def close(self) -> None:
        """Ends every connection now; returns when all handlers have ended."""
        self.stop_accepting()
        for made in list(self._connections):
            made.abort()
        await self._tasks.close()
        await self.until_idle()
        for listener in self._listeners:
            await listener.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
