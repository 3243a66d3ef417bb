"""Readers that prove a SPIFFE ID, or need none: through real handshakes."""

from __future__ import annotations

import asyncio
import ssl
from http import HTTPStatus
from pathlib import Path

import pytest

from finial.errors import Internal, InvalidArgument
from finial.runtime.metrics.readers import Identity, ReaderContext, TlsExport
from finial.runtime.pages import Pages, Response
from finial.runtime.sockets import listen_tcp
from finial.runtime.tls import FollowingContext, Material
from finial.spiffe.id import SpiffeId
from finial.svid.x509 import private_key_to_pkcs8
from finial.testing.ca import Issued, TestCa

READER = SpiffeId.parse("spiffe://example.org/prometheus")
GET = b"GET /metrics HTTP/1.1\r\n\r\n"


def identity(issued: Issued) -> Identity:
    return Identity(issued.chain, private_key_to_pkcs8(issued.private_key))


def any_peer(_: SpiffeId) -> None:
    """Whoever the bundle vouches for."""


def reader(ca: TestCa, path: str = "", *, shown_by: TestCa | None = None) -> ssl.SSLContext:
    """Trusts what `ca` signed; with an SVID of `path`, by `shown_by` or the same CA."""
    bundles = {ca.trust_domain: (ca.der,)}
    if not path:
        return FollowingContext(Material(bundles, alpn=()), any_peer)
    own = identity((shown_by or ca).leaf(path))
    return FollowingContext(Material(bundles, own.chain, own.key, alpn=()), any_peer)


async def read(context: ReaderContext, asking: ssl.SSLContext) -> bytes:
    """What the endpoint answers; nothing if it lets nobody in."""
    pages = Pages(lambda _: Response(HTTPStatus.OK, b"figures"))
    sock = listen_tcp("127.0.0.1", 0)
    await pages.start(sock, context.context)
    try:
        stream, writer = await asyncio.open_connection(
            "127.0.0.1", sock.getsockname()[1], ssl=asking, server_hostname="localhost"
        )
        writer.write(GET)
        try:
            return (await stream.read()).rpartition(b"\r\n\r\n")[2]
        finally:
            writer.transport.abort()
    except (OSError, ssl.SSLError):
        return b""
    finally:
        await pages.close()


def test_named_readers_are_let_in_and_nobody_else() -> None:
    async def scenario() -> None:
        ca, stranger = TestCa(), TestCa()
        context = ReaderContext(TlsExport(readers=frozenset({READER})))
        context.follow({ca.trust_domain: (ca.der,)}, identity(ca.leaf("/spire/server")))
        assert await read(context, reader(ca, "/prometheus")) == b"figures"
        assert await read(context, reader(ca, "/workload")) == b""
        assert await read(context, reader(ca)) == b""
        assert await read(context, reader(ca, "/prometheus", shown_by=stranger)) == b""

    asyncio.run(scenario())


def test_without_named_readers_no_certificate_is_asked_for() -> None:
    async def scenario() -> None:
        ca = TestCa()
        context = ReaderContext(TlsExport())
        context.follow({ca.trust_domain: (ca.der,)}, identity(ca.leaf("/spire/server")))
        assert await read(context, reader(ca)) == b"figures"

    asyncio.run(scenario())


def test_new_trust_and_a_new_identity_hold_from_the_next_handshake() -> None:
    async def scenario() -> None:
        old, new = TestCa(), TestCa()
        context = ReaderContext(TlsExport(readers=frozenset({READER})))
        context.follow({old.trust_domain: (old.der,)}, identity(old.leaf("/spire/server")))
        context.follow({new.trust_domain: (new.der,)}, identity(new.leaf("/spire/server")))
        assert await read(context, reader(old, "/prometheus")) == b""
        assert await read(context, reader(new, "/prometheus")) == b"figures"

    asyncio.run(scenario())


def test_a_certificate_from_files_is_shown_to_readers_by_spiffe_id(tmp_path: Path) -> None:
    async def scenario() -> None:
        ca, web = TestCa(), TestCa("web.test")
        certificate, key = web.leaf("/endpoint", dns=["localhost"]).write(tmp_path, "web")
        context = ReaderContext(TlsExport(str(certificate), str(key), readers=frozenset({READER})))
        context.follow({ca.trust_domain: (ca.der,)}, identity(ca.leaf("/spire/server")))
        asking = ssl.create_default_context(cafile=str(web.write(tmp_path / "web-ca.pem")))
        asking.load_cert_chain(*ca.leaf("/prometheus").write(tmp_path, "reader"))
        assert await read(context, asking) == b"figures"

    asyncio.run(scenario())


def test_a_key_that_is_none_is_told_without_its_content(tmp_path: Path) -> None:
    certificate, key = TestCa().leaf().write(tmp_path, "a")
    key.write_text("not a key: 0123456789")
    with pytest.raises(InvalidArgument) as told:
        ReaderContext(TlsExport(str(certificate), str(key), readers=frozenset({READER})))
    assert "0123456789" not in str(told.value)


def test_before_it_follows_there_is_no_context() -> None:
    with pytest.raises(Internal, match="no identity yet"):
        _ = ReaderContext(TlsExport()).context
