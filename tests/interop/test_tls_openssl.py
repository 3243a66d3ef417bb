"""Our TLS server met by `openssl s_client`: who gets in, what the other end is told, and no resumption."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from finial.runtime.tls import FollowingContext, Material
from finial.testing.ca import Issued, TestCa
from finial.testing.tls_server import LOOPS, Guest, Server, output_of, run, serving

pytestmark = [pytest.mark.interop, pytest.mark.slow]
OURS, THEIRS = TestCa(), TestCa("other.org")
SERVER, CLIENT = OURS.leaf("/server"), OURS.leaf("/client")
TRUST = {"example.org": (OURS.der,), "other.org": (THEIRS.der,)}


def context() -> FollowingContext:
    return FollowingContext(Material(TRUST, SERVER.chain, SERVER.key), lambda _: None, server_side=True)


class Client:
    """`openssl s_client` with an identity in files of this test."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder, self.server = folder, server

    async def connect(self, svid: Issued | None, *options: str) -> str:
        identity: tuple[str, ...] = ()
        if svid is not None:
            chain, key = svid.write(self.folder, "client")
            identity = ("-cert", str(chain), "-key", str(key), "-cert_chain", str(chain))
        address = f"127.0.0.1:{self.server.port}"
        self.server.guests.clear()
        self.server.reasons.clear()
        return await output_of("openssl", "s_client", "-connect", address, "-alpn", "h2", *identity, *options)


@pytest.fixture(params=list(LOOPS))
def loop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_who_gets_in(loop: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(context()) as server:
            client = Client(tmp_path, server)
            assert "welcome" in await client.connect(None)
            assert server.guests == [Guest("", 0, "TLSv1.3", "h2", False)]
            for svid, name, chain in (
                (CLIENT, "spiffe://example.org/client", 2),
                (OURS.intermediate().leaf("/deep"), "spiffe://example.org/deep", 3),
                (THEIRS.leaf("/client"), "spiffe://other.org/client", 2),
            ):
                assert "welcome" in await client.connect(svid)
                assert server.guests == [Guest(name, chain, "TLSv1.3", "h2", False)]
            assert not server.reasons

    run(loop, scenario())


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_stranger_is_told_by_an_alert(loop: str, tmp_path: Path, version: str) -> None:
    async def scenario() -> None:
        async with serving(context()) as server:
            out = await Client(tmp_path, server).connect(TestCa().leaf("/client"), version)
            assert "alert unknown ca" in out
            assert not server.guests
            assert "CERTIFICATE_VERIFY_FAILED" in server.reasons[0]

    run(loop, scenario())


def test_forgery_across_domains_is_cut_off(loop: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(context()) as server:
            forged = THEIRS.leaf(uris=["spiffe://example.org/client"])
            assert "welcome" not in await Client(tmp_path, server).connect(forged)
            assert not server.guests
            assert server.reasons == [
                '"spiffe://example.org/client" is not signed by the bundle of "example.org"'
            ]

    run(loop, scenario())


def test_tls_1_1_is_refused_with_an_alert(loop: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(context()) as server:
            out = await Client(tmp_path, server).connect(CLIENT, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
            assert "alert protocol version" in out
            assert not server.guests

    run(loop, scenario())


def test_root_taken_away_counts_from_the_next_connection(loop: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(context()) as server:
            client = Client(tmp_path, server)
            assert "welcome" in await client.connect(CLIENT)
            server.context.set(replace(server.context.material, bundles={"other.org": (THEIRS.der,)}))
            assert "alert unknown ca" in await client.connect(CLIENT)
            assert not server.guests

    run(loop, scenario())


def test_server_without_an_identity_refuses_plainly(loop: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        nobody = FollowingContext(Material(TRUST), lambda _: None, server_side=True)
        async with serving(nobody) as server:
            client = Client(tmp_path, server)
            assert "alert handshake failure" in await client.connect(CLIENT)
            assert server.reasons == ["this server has no identity yet"]
            server.context.set(Material(TRUST, SERVER.chain, SERVER.key))
            assert "welcome" in await client.connect(CLIENT)

    run(loop, scenario())


def test_kept_session_of_tls_1_2_gets_a_full_handshake(loop: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        session = str(tmp_path / "session")
        async with serving(context()) as server:
            client = Client(tmp_path, server)
            assert "New, TLSv1.2" in await client.connect(CLIENT, "-tls1_2", "-sess_out", session)
            for _ in range(2):
                out = await client.connect(CLIENT, "-tls1_2", "-sess_in", session)
                assert "New, TLSv1.2" in out
                assert "welcome" in out
                assert server.guests == [Guest("spiffe://example.org/client", 2, "TLSv1.2", "h2", False)]

    run(loop, scenario())


def test_kept_session_does_not_outlive_the_trust_it_was_made_under(loop: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        session = str(tmp_path / "session")
        async with serving(context()) as server:
            client = Client(tmp_path, server)
            await client.connect(CLIENT, "-tls1_2", "-sess_out", session)
            server.context.set(replace(server.context.material, bundles={"other.org": (THEIRS.der,)}))
            assert "alert unknown ca" in await client.connect(CLIENT, "-tls1_2", "-sess_in", session)
            assert not server.guests

    run(loop, scenario())


def test_no_session_is_given_out_in_tls_1_3(loop: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(context()) as server:
            out = await Client(tmp_path, server).connect(
                CLIENT, "-tls1_3", "-sess_out", str(tmp_path / "session")
            )
            assert "welcome" in out
            assert not (tmp_path / "session").exists()

    run(loop, scenario())


def test_a_plain_context_would_resume(loop: str, tmp_path: Path) -> None:
    """The control: without the fresh context the same steps do resume, and no chain is verified."""

    async def scenario() -> None:
        session = str(tmp_path / "session")
        async with serving(context()) as server:
            inner = server.context.fresh(server.context.material)
            inner.sslobject_class = ssl.SSLObject
            server.listener._context = inner
            client = Client(tmp_path, server)
            await client.connect(CLIENT, "-tls1_2", "-sess_out", session)
            assert "Reused, TLSv1.2" in await client.connect(CLIENT, "-tls1_2", "-sess_in", session)
            assert server.guests[0].resumed

    run(loop, scenario())
