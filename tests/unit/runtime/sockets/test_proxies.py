"""Whose header counts, and that no byte beyond it is taken."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from finial.errors import InvalidArgument
from finial.runtime.sockets import Proxies, Source

HEADER = b"PROXY TCP4 203.0.113.7 10.0.0.1 4444 8081\r\n"


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Any], None]:
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def runner(work: Any) -> None:
        with asyncio.Runner(loop_factory=factory) as loop:
            loop.run(asyncio.wait_for(work, 20))

    return runner


def connected() -> tuple[socket.socket, socket.socket]:
    """Client's side and accepted side."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        accepted, _ = listening.accept()
    accepted.setblocking(False)
    return client, accepted


@pytest.mark.parametrize(
    ("host", "trusted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("11.0.0.1", False),
        ("2001:db8::5", True),
        ("2001:db9::5", False),
        ("fe80::1%lo", False),
    ],
)
def test_networks_say_who_is_trusted(host: str, trusted: bool) -> None:
    assert Proxies(["10.0.0.1/8", "2001:db8::/32"]).trusts(host) is trusted


def test_no_byte_beyond_the_header_is_taken_also_if_it_comes_in_pieces(run: Any) -> None:
    async def scenario() -> None:
        client, accepted = connected()
        with client, accepted:
            found = asyncio.ensure_future(Proxies(["127.0.0.0/8"]).source(accepted))
            for at in range(0, len(HEADER), 7):
                client.sendall(HEADER[at : at + 7] + (b"\x16rest" if at + 7 >= len(HEADER) else b""))
                await asyncio.sleep(0)
            assert await found == Source("203.0.113.7", 4444)
            assert accepted.recv(100) == b"\x16rest"

    run(scenario())


@pytest.mark.parametrize("data", [b"\x16\x03\x01", b"GET"])
def test_a_trusted_peer_without_a_header_speaks_for_itself(run: Any, data: bytes) -> None:
    async def scenario() -> None:
        client, accepted = connected()
        with client, accepted:
            client.sendall(data)
            assert await Proxies(["127.0.0.0/8"]).source(accepted) is None
            assert accepted.recv(100) == data

    run(scenario())


def test_of_a_peer_that_is_not_trusted_nothing_is_read(run: Any) -> None:
    async def scenario() -> None:
        client, accepted = connected()
        with client, accepted:
            client.sendall(HEADER)
            assert await Proxies(["10.0.0.0/8"]).source(accepted) is None
            assert accepted.recv(100) == HEADER

    run(scenario())


def test_a_header_that_is_none_or_ends_early_is_refused(run: Any) -> None:
    async def scenario() -> None:
        for data, kind in ((b"PRI * HTTP/2.0", InvalidArgument), (HEADER[:9], ConnectionResetError)):
            client, accepted = connected()
            with client, accepted:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                with pytest.raises(kind):
                    await Proxies(["127.0.0.0/8"]).source(accepted)

    run(scenario())
