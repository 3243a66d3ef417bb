"""Accepts connections under budgets: a listening socket and a protocol factory in, protocols at work out.

`loop.create_server` accepts everything that waits in one turn; after a restart of the server 500 agents
would put 500 ClientHellos, half a millisecond each, in front of every other call. Here a turn takes one or
two, and the rest waits in the kernel's queue, where it costs nothing. Callers of Unix sockets are pinned
before a byte is read. Every budget here holds before anybody has proved who they are.
"""

from __future__ import annotations

import asyncio
import collections
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from finial.errors import FinialError, ResourceExhausted
from finial.runtime.peer import Peer, pin
from finial.runtime.sockets.proxies import Proxies
from finial.runtime.sockets.proxy_header import Source
from finial.runtime.tasks import Tasks

Factory = Callable[[Peer | None], asyncio.BaseProtocol]
FactoryBehind = Callable[[Source], asyncio.BaseProtocol]
LEAST = 0.001  # seconds for a handshake, whatever the header took: 0 would be no timeout
# Linux keeps a connection until its ClientHello is there: a silent one costs us nothing. Elsewhere it has one of
# the `admissions` until the handshake's time is over.
DEFER_ACCEPT: int | None = getattr(socket, "TCP_DEFER_ACCEPT", None)
EMFILE_PAUSE = 0.1  # seconds without accepting when descriptors or memory run out, or the loop spins


@dataclass(frozen=True, slots=True)
class AcceptLimits:
    """Budgets of one listening socket; each is a number that a stranger can try to exceed."""

    per_turn: int = 2  # connections taken in one turn of the loop
    admissions: int = 1000  # connections between accept and the end of their handshake, at once
    per_uid: int = 1000  # open connections of one user, Unix sockets only
    handshake_timeout: float = 10.0  # seconds, with the header of a proxy


class Listener:
    """Serves from `__init__` on, in the running loop, until `close`.

    `factory(peer)` answers the protocol of one connection: `peer` is None on TCP. The protocol owns the
    peer, and must `close` it in `connection_lost`. With `context` the protocol's `connection_made` comes
    after the handshake. `deep`: see `peer.pin`. `refused` counts connections that never became one, by
    kind of error; `on_refusal` hears the reason of each. With `behind`, what a proxy says on TCP counts: its
    factory makes the protocol of a connection by its source.
    """

    def __init__(
        self,
        sock: socket.socket,
        factory: Factory,
        tasks: Tasks,
        *,
        context: ssl.SSLContext | None = None,
        limits: AcceptLimits | None = None,
        deep: bool = False,
        on_refusal: Callable[[str], None] | None = None,
        behind: tuple[Proxies, FactoryBehind] | None = None,
    ) -> None:
        self._sock, self._factory, self._tasks, self._context = sock, factory, tasks, context
        self._limits, self._deep, self._on_refusal = limits or AcceptLimits(), deep, on_refusal
        self._behind = behind
        self._loop = asyncio.get_running_loop()
        self._admissions = 0
        self._accepting = False
        self._pause: asyncio.TimerHandle | None = None
        self._place = _place(sock)
        self.by_uid: collections.Counter[int] = collections.Counter()
        self.refused: collections.Counter[str] = collections.Counter()
        sock.setblocking(False)
        if context is not None and sock.family != socket.AF_UNIX and DEFER_ACCEPT is not None:
            sock.setsockopt(socket.IPPROTO_TCP, DEFER_ACCEPT, max(1, int(self._limits.handshake_timeout)))
        self._resume()

    @property
    def address(self) -> Any:
        """What the socket is bound to: a path, or a tuple whose second item is the port."""
        return self._sock.getsockname()

    def close(self) -> None:
        """Stops accepting and removes the socket's file; connections that live are left alone."""
        self._suspend()
        if self._pause is not None:
            self._pause.cancel()
        if self._sock.fileno() < 0:
            return
        if self._place is not None and _place(self._sock) == self._place:
            os.unlink(self._place[0])
        self._sock.close()

    def _resume(self) -> None:
        self._pause = None
        if not self._accepting and self._sock.fileno() >= 0:
            self._loop.add_reader(self._sock.fileno(), self._readable)
            self._accepting = True

    def _suspend(self) -> None:
        if self._accepting:
            self._loop.remove_reader(self._sock.fileno())
            self._accepting = False

    def _readable(self) -> None:
        for _ in range(self._limits.per_turn):
            if self._admissions >= self._limits.admissions:
                self._suspend()  # until one is done
                return
            try:
                accepted, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as why:  # EMFILE and its like: let connections end
                self._refuse(why)
                self._suspend()
                self._pause = self._loop.call_later(EMFILE_PAUSE, self._resume)
                return
            self._welcome(accepted)

    def _welcome(self, accepted: socket.socket) -> None:
        try:
            peer = self._pinned(accepted) if accepted.family == socket.AF_UNIX else None
        except (FinialError, OSError) as why:
            accepted.close()
            self._refuse(why)
            return
        self._admissions += 1
        self._tasks.start(self._admit(accepted, peer), name="admit connection").add_done_callback(self._done)

    def _pinned(self, accepted: socket.socket) -> Peer:
        peer = pin(accepted, deep=self._deep)
        uid = peer.uid
        if self.by_uid[uid] >= self._limits.per_uid:
            peer.close()
            raise ResourceExhausted(f"uid {uid} has {self._limits.per_uid} connections, no more are allowed")
        self.by_uid[uid] += 1
        peer.on_close(lambda: self._lost(uid))
        return peer

    def _lost(self, uid: int) -> None:
        self.by_uid[uid] -= 1
        if not self.by_uid[uid]:
            del self.by_uid[uid]

    async def _admit(self, accepted: socket.socket, peer: Peer | None) -> None:
        end = self._loop.time() + self._limits.handshake_timeout
        try:
            made = await self._maker(accepted, peer, end)
            timeout = max(end - self._loop.time(), LEAST) if self._context is not None else None
            await self._loop.connect_accepted_socket(
                made, accepted, ssl=self._context, ssl_handshake_timeout=timeout
            )
        except (OSError, TimeoutError, FinialError) as why:  # SSLError is an OSError
            self._drop(accepted, peer)
            self._refuse(why)
        except BaseException:
            self._drop(accepted, peer)
            raise

    async def _maker(
        self, accepted: socket.socket, peer: Peer | None, end: float
    ) -> Callable[[], asyncio.BaseProtocol]:
        """What makes the connection's protocol, once it is known whom it is with."""
        if peer is None and self._behind is not None:
            proxies, factory = self._behind
            accepted.setblocking(False)
            async with asyncio.timeout_at(end):
                source = await proxies.source(accepted)
            if source is not None:
                return partial(factory, source)
        return partial(self._factory, peer)

    def _drop(self, accepted: socket.socket, peer: Peer | None) -> None:
        accepted.close()
        if peer is not None:
            peer.close()

    def _done(self, _: object) -> None:
        self._admissions -= 1
        if self._pause is None:
            self._resume()

    def _refuse(self, why: Exception) -> None:
        self.refused[type(why).__name__] += 1
        if self._on_refusal is not None:
            self._on_refusal(str(why))


def _place(sock: socket.socket) -> tuple[str, int, int] | None:
    """Path, device and inode of a Unix socket's file: another's file at the same path is not ours."""
    path = sock.getsockname() if sock.family == socket.AF_UNIX else ""
    try:
        found = os.stat(path) if path else None
    except FileNotFoundError:
        return None
    return (path, found.st_dev, found.st_ino) if found is not None else None
