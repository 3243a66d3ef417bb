"""Our TLS contexts with Go's crypto/tls at the other end, in both roles."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from finial.errors import PermissionDenied
from finial.runtime.tls import FollowingContext, Material, peer_id
from finial.spiffe.id import SpiffeId
from finial.testing.ca import Issued, TestCa
from finial.testing.tls_server import LOOPS, WELCOME, Guest, output_of, run, serving

pytestmark = [pytest.mark.interop, pytest.mark.slow]
OURS, THEIRS = TestCa(), TestCa("other.org")
SERVER, CLIENT = OURS.leaf("/server"), OURS.leaf("/client")
TRUST = {"example.org": (OURS.der,), "other.org": (THEIRS.der,)}


@pytest.fixture(params=list(LOOPS))
def loop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Peer:
    """The program `tlspeer` with an identity in files of this test."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program, self.folder = str(program), folder

    def _options(self, svid: Issued | None) -> tuple[str, ...]:
        roots = ("-ca", str(OURS.write(self.folder / "ca.pem")))
        if svid is None:
            return roots
        chain, key = svid.write(self.folder, "peer")
        return (*roots, "-cert", str(chain), "-key", str(key))

    async def dial(self, port: int, svid: Issued | None, *options: str) -> list[dict[str, Any]]:
        out = await output_of(self.program, "-addr", f"127.0.0.1:{port}", *self._options(svid), *options)
        return [json.loads(line) for line in out.splitlines()]

    @contextlib.asynccontextmanager
    async def listening(self, svid: Issued, *options: str) -> AsyncIterator[int]:
        process = await asyncio.create_subprocess_exec(
            self.program, "-role", "server", *self._options(svid), *options, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            yield int(await process.stdout.readline())
        finally:
            process.kill()
            await process.communicate()


@pytest.fixture
def peer(go_program: Callable[[str], Path], tmp_path: Path) -> Peer:
    return Peer(go_program("tlspeer"), tmp_path)


def server_context() -> FollowingContext:
    return FollowingContext(Material(TRUST, SERVER.chain, SERVER.key), lambda _: None, server_side=True)


def only_the_server(found: SpiffeId) -> None:
    if str(found) != "spiffe://example.org/server":
        raise PermissionDenied(f'unexpected ID "{found}"')


@pytest.mark.parametrize("version", ["12", "13"])
def test_go_client_gets_in_again_and_again_without_resuming(loop: str, peer: Peer, version: str) -> None:
    async def scenario() -> None:
        async with serving(server_context()) as server:
            found = await peer.dial(server.port, CLIENT, "-max", version, "-times", "3")
            assert [(one["Error"], one["Read"], one["Resumed"]) for one in found] == [
                ("", "welcome", False)
            ] * 3
            assert found[0]["Peer"] == "spiffe://example.org/server"
            assert (
                server.guests
                == [Guest("spiffe://example.org/client", 2, f"TLSv1.{int(version) - 10}", "h2", False)] * 3
            )

    run(loop, scenario())


@pytest.mark.parametrize("version", ["12", "13"])
def test_go_client_with_a_strange_root_reads_why(loop: str, peer: Peer, version: str) -> None:
    async def scenario() -> None:
        async with serving(server_context()) as server:
            found = await peer.dial(server.port, TestCa().leaf("/client"), "-max", version)
            assert found[0]["Error"] == "remote error: tls: unknown certificate authority"

    run(loop, scenario())


def test_go_client_without_alpn_is_told_apart(loop: str, peer: Peer) -> None:
    async def scenario() -> None:
        async with serving(server_context()) as server:
            await peer.dial(server.port, CLIENT, "-alpn", "")
            assert server.guests[0].alpn is None  # HTTP/2 listeners end these before a byte

    run(loop, scenario())


async def greeted(port: int, context: ssl.SSLContext) -> tuple[str, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        return str(peer_id(writer.get_extra_info("ssl_object"))), await reader.readexactly(len(WELCOME))
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("version", ["12", "13"])
def test_go_server_with_the_right_identity_is_accepted(loop: str, peer: Peer, version: str) -> None:
    async def scenario() -> None:
        mine = FollowingContext(Material(TRUST, CLIENT.chain, CLIENT.key), only_the_server)
        for svid in (SERVER, OURS.intermediate().leaf("/server")):
            async with peer.listening(svid, "-max", version) as port:
                assert await greeted(port, mine) == ("spiffe://example.org/server", WELCOME)

    run(loop, scenario())


@pytest.mark.parametrize(
    ("posing", "why"),
    [
        (OURS.leaf("/other"), 'unexpected ID "spiffe://example.org/other"'),
        (THEIRS.leaf("/server"), 'unexpected ID "spiffe://other.org/server"'),
        (THEIRS.leaf(uris=["spiffe://example.org/server"]), 'not signed by the bundle of "example.org"'),
        (TestCa().leaf("/server"), "certificate verify failed"),
    ],
    ids=["other workload", "other domain", "forged across domains", "strange root"],
)
def test_server_that_poses_is_refused_inside_the_handshake(
    loop: str, peer: Peer, posing: Issued, why: str
) -> None:
    async def scenario() -> None:
        mine = FollowingContext(Material(TRUST, CLIENT.chain, CLIENT.key), only_the_server)
        async with peer.listening(posing) as port:
            with pytest.raises(ssl.SSLCertVerificationError, match=why):
                await greeted(port, mine)

    run(loop, scenario())


def test_trust_that_shrinks_counts_from_the_next_connection(loop: str, peer: Peer) -> None:
    async def scenario() -> None:
        mine = FollowingContext(Material(TRUST, CLIENT.chain, CLIENT.key), only_the_server)
        async with peer.listening(SERVER) as port:
            await greeted(port, mine)
            mine.set(Material({"other.org": (THEIRS.der,)}, CLIENT.chain, CLIENT.key))
            with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
                await greeted(port, mine)
            mine.set(Material(TRUST, CLIENT.chain, CLIENT.key))
            await greeted(port, mine)

    run(loop, scenario())
