"""The fetch of a nonce: where it goes, and what it takes for an answer."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence

import pytest

from finial.errors import PermissionDenied
from finial.plugins.node.http_challenge.exchange import Claim
from finial.plugins.node.http_challenge.fetch import MAX_HEADER, fetch, is_fetchable, resolve

NONCE = "n" * 44
GOOD = f"HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n{NONCE}\n".encode()


async def from_answer(answer: bytes, *, hangs: bool = False, timeout: float = 5.0) -> tuple[str, bytes]:
    """What is fetched from a listener that sends this; and the request that it saw."""
    seen: list[bytes] = []
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        if hangs:
            await done.wait()
        writer.close()

    async def local(_: str) -> Sequence[str]:
        return ["127.0.0.1"]

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        claim = Claim("node.example", "default", listening.sockets[0].getsockname()[1])
        found = await fetch(claim, resolve=local, allowed=lambda _: True, timeout=timeout)
        return found, seen[0]
    finally:
        done.set()
        listening.close()


def test_the_nonce_is_asked_for_at_the_path_of_the_agent() -> None:
    found, request = asyncio.run(from_answer(GOOD))
    assert found == NONCE
    assert request.startswith(
        b"GET /.well-known/spiffe/nodeattestor/http_challenge/default/challenge HTTP/1.0\r\nHost: node.example:"
    )


@pytest.mark.parametrize(
    ("answer", "text"),
    [(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", "http redirects are disabled"),
     (b"HTTP/1.1 308 Found\r\nLocation: /x\r\n\r\n" + NONCE.encode(), "http redirects are disabled"),
     (b"HTTP/1.1 404 Not Found\r\n\r\n" + NONCE.encode(), "status is not 200"),
     (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 65, "expected nonce was not found"),
     (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2 * MAX_HEADER, "no HTTP answer"),
     (b"HTTP/1.1 200 OK\r\n", "no HTTP answer"), (b"", "no HTTP answer"), (b"SSH-2.0-x\r\n\r\n", "no HTTP answer")],
)  # fmt: skip
def test_an_answer_that_leads_elsewhere_or_is_none_is_refused(answer: bytes, text: str) -> None:
    with pytest.raises(PermissionDenied, match=f"^challenge verification failed: .*{text}"):
        asyncio.run(from_answer(answer))


def test_who_does_not_answer_is_not_waited_for() -> None:
    with pytest.raises(PermissionDenied, match="no answer in time"):
        asyncio.run(from_answer(b"HTTP/1.1 200 OK\r\n", hangs=True, timeout=0.05))


@pytest.mark.parametrize(
    ("address", "allowed"),
    [("127.0.0.1", False), ("127.8.8.8", False), ("::1", False), ("169.254.169.254", False), ("fe80::1", False),
     ("0.0.0.0", False), ("::", False), ("224.0.0.1", False), ("ff02::1", False), ("255.255.255.255", False),
     ("::ffff:127.0.0.1", False), ("::ffff:169.254.169.254", False), ("2002:7f00:1::", False),
     ("64:ff9b::7f00:1", False), ("64:ff9b::a9fe:a9fe", False), ("64:ff9b::a00:1", True), ("fec0::1", True),
     ("::7f00:1", False), ("64:ff9b:1::7f00:1", False),
     ("10.0.0.1", True), ("192.168.1.1", True), ("fd00::1", True), ("192.0.2.7", True), ("2001:db8::1", True),
     ("::ffff:10.0.0.1", True)],
)  # fmt: skip
def test_addresses_of_other_nodes_only(address: str, allowed: bool) -> None:
    assert is_fetchable(ipaddress.ip_address(address)) is allowed


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["192.0.2.1", "127.0.0.1"], ["169.254.169.254"], ["fe80::1%eth0"]]
)
def test_a_name_that_leads_inside_is_refused_before_any_connection(addresses: list[str]) -> None:
    async def inside(_: str) -> Sequence[str]:
        return addresses

    with pytest.raises(PermissionDenied, match="resolves to an address that is not allowed"):
        asyncio.run(fetch(Claim("evil.example", "default", 80), resolve=inside))


def test_a_name_is_resolved_once_and_that_address_is_called() -> None:
    """A second look-up would be answered with another address: rebinding."""
    looked_up: list[str] = []

    async def scenario() -> str:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(GOOD)
            writer.close()

        async def rebinding(host: str) -> Sequence[str]:
            looked_up.append(host)
            return ["127.0.0.2"] if len(looked_up) == 1 else ["127.0.0.1"]

        listening = await asyncio.start_server(serve, "127.0.0.2", 0)
        async with listening:
            claim = Claim("evil.example", "default", listening.sockets[0].getsockname()[1])
            allowed = lambda one: str(one) == "127.0.0.2"  # noqa: E731
            return await fetch(claim, resolve=rebinding, allowed=allowed)

    assert asyncio.run(scenario()) == NONCE
    assert looked_up == ["evil.example"]


def test_a_name_that_is_not_known_or_does_not_answer_is_refused() -> None:
    async def unknown(_: str) -> Sequence[str]:
        raise OSError("no such name")

    async def nobody(_: str) -> Sequence[str]:
        return ["127.0.0.1"]

    with pytest.raises(PermissionDenied, match="cannot be resolved"):
        asyncio.run(fetch(Claim("x", "default", 80), resolve=unknown))
    with pytest.raises(PermissionDenied, match="cannot connect"):
        asyncio.run(fetch(Claim("x", "default", 1), resolve=nobody, allowed=lambda _: True))


def test_names_are_resolved_by_the_system() -> None:
    assert "127.0.0.1" in asyncio.run(resolve("127.0.0.1"))
