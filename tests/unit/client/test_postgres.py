from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from finial.client import authorize, postgres
from finial.client.tls import server_context
from finial.runtime.tls import FollowingContext, peer_id
from finial.testing.ca import TestCa
from finial.testing.loops import Run, each_loop
from finial.testing.workload import workloads

CA = TestCa()
DATABASE = authorize.one_of("spiffe://example.org/database")
STARTUP = bytes.fromhex("0000000800030000")


@dataclass
class FakePostgres:
    """Asks for TLS as PostgreSQL does, then answers each byte with itself, or all with `greeting`.

    `reply` is what it says to SSLRequest.
    """

    context: FollowingContext | None
    reply: bytes = b"S"
    greeting: bytes = b""
    callers: list[str] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append(await reader.readexactly(8))
            writer.write(self.reply)
            if self.context is not None:
                await writer.start_tls(self.context)
                self.callers.append(str(peer_id(writer.get_extra_info("ssl_object"))))
                while data := await reader.read(65536):
                    writer.write(self.greeting or data)
                    await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(fake: FakePostgres) -> AsyncIterator[FakePostgres]:
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()


@asynccontextmanager
async def database(folder: Path, path: str = "/database") -> AsyncIterator[tuple[FakePostgres, str]]:
    """A fake PostgreSQL with this ID, and the folder of a relay of "/web" to it."""
    async with workloads(folder, (CA, path), (CA, "/web")) as (serves, web):
        context = server_context(serves.source, authorize.member_of("example.org"), alpn=())
        async with listening(FakePostgres(context)) as fake:
            async with postgres.relay(web.source, DATABASE, "127.0.0.1", fake.port) as place:
                yield fake, place


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (4 + len(body)).to_bytes(4) + body


WELCOME = b"".join(
    (
        message(b"R", bytes(4)),  # authentication is done
        message(b"S", b"server_version\x0017.0\0"),
        message(b"S", b"client_encoding\0UTF8\0"),
        message(b"Z", b"I"),  # ready for a query
    )
)


async def connected(place: str) -> postgres.Streams:
    return await asyncio.open_unix_connection(f"{place}/{postgres.SOCKET}")


@each_loop
def test_bytes_pass_and_the_workload_is_known_to_the_server(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with database(tmp_path) as (fake, place):
            reader, writer = await connected(place)
            sent = STARTUP + bytes(range(256)) * 4000
            writer.write(sent)
            assert await reader.readexactly(len(sent)) == sent
            writer.close()
            assert fake.requests == [postgres.SSL_REQUEST]
            assert fake.callers == ["spiffe://example.org/web"]

    run(scenario())


@each_loop
def test_an_impostor_is_refused_with_the_reason(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with database(tmp_path, "/impostor") as (_, place):
            reader, writer = await connected(place)
            writer.write(STARTUP + b"secret")
            error = await reader.read()
            assert error[:1] == b"E"
            assert int.from_bytes(error[1:5]) == len(error) - 1
            assert b"C08001\0" in error
            assert b'unexpected ID "spiffe://example.org/impostor"' in error
            writer.close()

    run(scenario())


def mode(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def test_only_this_user_reaches_the_socket_and_nothing_is_left(tmp_path: Path) -> None:
    async def scenario() -> Path:
        async with database(tmp_path) as (_, place):
            assert [mode(place), mode(f"{place}/{postgres.SOCKET}")] == [0o700, 0o600]
            reader, kept = await connected(place)
            kept.write(STARTUP)
            await reader.readexactly(8)
        assert await reader.read() == b""  # cut at the end of the block
        kept.close()
        return Path(place)

    assert not asyncio.run(scenario()).exists()


def test_a_driver_that_asks_for_encryption_is_told_that_there_is_none(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with database(tmp_path) as (_, place):
            reader, writer = await connected(place)
            for question in (postgres.GSS_REQUEST, postgres.SSL_REQUEST):
                writer.write(question)
                assert await reader.readexactly(1) == b"N"
            writer.write(STARTUP)
            assert await reader.readexactly(8) == STARTUP
            writer.close()

    asyncio.run(scenario())


def test_the_end_of_either_side_ends_the_other(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with database(tmp_path) as (_, place):
            reader, writer = await connected(place)
            writer.write(STARTUP)
            await reader.readexactly(8)
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("reply", "why"), [(b"N", b"the server offers no TLS"), (b"", b"the server hung up")], ids=["no", "end"]
)
def test_a_server_without_tls_gets_nothing(tmp_path: Path, reply: bytes, why: bytes) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/web")) as (web,), listening(FakePostgres(None, reply)) as fake:
            async with postgres.relay(web.source, DATABASE, "127.0.0.1", fake.port) as place:
                reader, writer = await connected(place)
                writer.write(STARTUP)
                assert why in await reader.read()
                writer.close()
            assert fake.requests == [postgres.SSL_REQUEST]

    asyncio.run(scenario())


def test_what_was_slipped_in_before_tls_is_not_believed(tmp_path: Path) -> None:
    """CVE-2021-23222: bytes after "S" come before the handshake, so they cannot be the server's."""

    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/database"), (CA, "/web")) as (serves, web):
            context = server_context(serves.source, authorize.any_id(), alpn=())
            async with listening(FakePostgres(context, b"SE\0\0\0\x08lies")) as fake:
                async with postgres.relay(web.source, DATABASE, "127.0.0.1", fake.port) as place:
                    reader, writer = await connected(place)
                    writer.write(STARTUP)
                    said = await reader.read()
                    assert b"C08001\0" in said
                    assert b"lies" not in said
                    writer.close()

    asyncio.run(scenario())


def test_a_server_that_is_away_is_the_drivers_error(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/web")) as (web,):
            async with postgres.relay(web.source, DATABASE, "127.0.0.1", 1) as place:
                reader, writer = await connected(place)
                writer.write(STARTUP)
                assert b"M" + b'postgres "127.0.0.1:1": ' in await reader.read()
                writer.close()

    asyncio.run(scenario())


def test_libpq_connects_by_the_folder(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with database(tmp_path) as (fake, place):
            fake.greeting = WELCOME
            driver = await psycopg.AsyncConnection.connect(
                f"host={place} port=5432 user=api connect_timeout=5"
            )
            assert driver.info.server_version == 170000
            await driver.close()
            assert fake.callers == ["spiffe://example.org/web"]

    asyncio.run(scenario())


def test_libpq_tells_why_an_impostor_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with database(tmp_path, "/impostor") as (_, place):
            with pytest.raises(
                psycopg.OperationalError, match='unexpected ID "spiffe://example.org/impostor"'
            ):
                await psycopg.AsyncConnection.connect(f"host={place} port=5432 user=api connect_timeout=5")

    asyncio.run(scenario())
