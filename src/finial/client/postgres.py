"""PostgreSQL over mTLS for any driver: a Unix socket that only this user can reach in, the checked server out.

    async with postgres.relay(source, authorize.one_of("spiffe://example.org/database"), "db", 5432) as folder:
        await psycopg.AsyncConnection.connect(host=folder, dbname="orders", user="api", sslmode="disable")

libpq takes keys from files only and knows names, not SPIFFE IDs. So the relay speaks TLS in its place: it asks
the server for TLS, checks its ID inside the handshake, shows this workload's SVID, and passes bytes. The key
never leaves this process. A server that offers no TLS is refused, and nothing that came before TLS is believed.
A connection keeps the trust it was made under. Spec: PostgreSQL frontend/backend protocol 55.2.9 and 55.8.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from finial.client.authorize import Authorizer
from finial.client.tls import client_context
from finial.client.x509_source import X509Source
from finial.errors import FinialError, PermissionDenied, Unavailable
from finial.runtime.sockets import listen_unix
from finial.runtime.tasks import Tasks
from finial.runtime.tls import FollowingContext, PeerRefused

SOCKET = ".s.PGSQL.5432"  # what a driver looks for in the folder: its default port
ALPN = ("postgresql",)
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
GSS_REQUEST = bytes.fromhex("0000000804d21630")
NO = b"N"
CONNECT_TIMEOUT = 10.0  # seconds, TLS included
CHUNK = 64 * 1024
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def relay(source: X509Source, authorize: Authorizer, host: str, port: int = 5432) -> AsyncIterator[str]:
    """A folder (mode 0700) for a driver's `host`; its `port` stays 5432, whatever that of the server.

    A server that cannot be reached or is refused is the driver's error, with the reason. At the end of the
    block every connection is cut.
    """
    context = client_context(source, authorize, alpn=ALPN)
    with tempfile.TemporaryDirectory(prefix="finial-postgres-") as folder:
        async with Tasks(
            lambda _name, _error: None
        ) as tasks:  # a broken connection is its driver's to notice
            relayed = Relay(context, host, port, tasks)
            sock = listen_unix(Path(folder) / SOCKET, mode=0o600, dir_mode=0o700)
            listener = await asyncio.start_unix_server(relayed.welcome, sock=sock)
            try:
                yield folder
            finally:
                listener.close()
                relayed.closed = True


class Relay:
    def __init__(self, context: FollowingContext, host: str, port: int, tasks: Tasks) -> None:
        self._context, self._host, self._port, self._tasks = context, host, port, tasks
        self.closed = False

    def welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.closed:  # it was in the queue
            writer.transport.abort()
            return
        serving = self._tasks.start(self._serve((reader, writer)), name="postgres relay")
        # Not in the task alone: one that is cancelled before its first step runs no line of its own.
        serving.add_done_callback(lambda _: writer.close())

    async def _serve(self, driver: Streams) -> None:
        try:
            first = await first_message(driver)
            try:
                server = await self._connect()
            except FinialError as why:
                driver[1].write(fatal(str(why)))
                await driver[1].drain()
                return
            server[1].write(first)
            await pipe_both(driver, server)
        finally:
            await close(driver[1])

    async def _connect(self) -> Streams:
        """Raises: Unavailable, PermissionDenied for a server that is not the one."""
        what = f'postgres "{self._host}:{self._port}"'
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                return await self._shake_hands(await dial(self._host, self._port), what)
        except TimeoutError as why:
            raise Unavailable(f"{what}: no answer in {CONNECT_TIMEOUT:g} s") from why
        except PeerRefused as why:
            raise PermissionDenied(f"{what}: {why.reason}") from why
        except ssl.SSLError as why:
            raise Unavailable(f"{what}: {why.reason or why}") from why
        except OSError as why:
            raise Unavailable(f"{what}: {why.strerror or why}") from why

    async def _shake_hands(self, sock: socket.socket, what: str) -> Streams:
        """Byte by byte up to TLS: what somebody in between sends ahead of it must not be taken for the
        server's words (CVE-2021-23222)."""
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(sock, SSL_REQUEST)
            said = await loop.sock_recv(sock, 1)
            if said != b"S":
                raise Unavailable(f"{what}: the server " + ("offers no TLS" if said else "hung up"))
            return await asyncio.open_connection(sock=sock, ssl=self._context, server_hostname=self._host)
        except BaseException:
            sock.close()
            raise


async def dial(host: str, port: int) -> socket.socket:
    """The first address that answers. Raises: OSError, of the last that did not."""
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, address)
        except OSError as why:
            sock.close()
            failure = why
        except BaseException:
            sock.close()
            raise
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise failure or OSError(f"{host} has no address")


async def first_message(driver: Streams) -> bytes:
    """The first that is no question about encryption: that is answered with no, since the socket is private."""
    reader, writer = driver
    while True:
        head = await reader.readexactly(8)
        if head not in (SSL_REQUEST, GSS_REQUEST):
            return head
        writer.write(NO)


async def pipe_both(one: Streams, other: Streams) -> None:
    """Until both directions have ended."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(pipe(one[0], other[1]))
            group.create_task(pipe(other[0], one[1]))
    finally:
        await close(other[1])


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Passes bytes and their end; waits for a slow reader on the other side."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    writer.close()  # PostgreSQL's protocol knows no half-closed connection


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):  # how the other side went is no news at this point
        await writer.wait_closed()


def fatal(message: str) -> bytes:
    """ErrorResponse with SQLSTATE 08001: what a driver shows to its user."""
    fields = b"".join(
        kind + text.encode().replace(b"\0", b"") + b"\0"
        for kind, text in ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", "08001"), (b"M", message))
    )
    return b"E" + (4 + len(fields) + 1).to_bytes(4) + fields + b"\0"
