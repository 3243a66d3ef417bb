"""A Go program of ours proves a node at our server by the raw protocol, and tries what must not prove one."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from finial.config.plugins import PluginConfig, decode_options
from finial.plugin import catalog
from finial.plugin.kinds import ServerHost, ServerNodeAttestor
from finial.plugins.node.http_challenge import server as http_server
from finial.plugins.node.http_challenge.fetch import Address, fetch, is_fetchable
from finial.server.main import kinds
from finial.spiffe.id import SpiffeId
from finial.svid import csr
from finial.testing.ca import Issued, TestCa
from finial.testing.node import SshAuthority, SshKey
from finial.testing.server import TRUST_DOMAIN, Running, new_key, server
from finial.testing.tls_server import output_of
from finial.wire.pb.spire.api.server.svid.v1 import svid_pb2
from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDStub

pytestmark = [pytest.mark.interop, pytest.mark.slow]
HOST = "node.example"
Outcome = dict[str, str | bool]


class Peer:
    """The program `nodepeer` at a server of this test."""

    def __init__(self, program: Path) -> None:
        self.program = str(program)

    async def attest(self, running: Running, method: str, twist: str = "", *more: str) -> Outcome:
        address = f"127.0.0.1:{running.server.port}"
        out = await output_of(self.program, "-addr", address, "-method", method, "-twist", twist, *more)
        found: Outcome = json.loads(out)
        return found


@pytest.fixture
def peer(go_program: Callable[[str], Path]) -> Peer:
    return Peer(go_program("nodepeer"))


def files(pair: tuple[Path, Path]) -> tuple[str, ...]:
    """Options of the program for a certificate and a key."""
    return ("-cert", str(pair[0]), "-key", str(pair[1]))


def ssh_files(pair: tuple[Path, Path]) -> tuple[str, ...]:
    return files((pair[1], pair[0]))


def by_certificate(ca: Path, options: str = "") -> str:
    return f'NodeAttestor "x509pop" {{ plugin_data {{ ca_bundle_path = "{ca}"\n {options} }} }}'


def by_ssh(authority: SshAuthority) -> str:
    return f'NodeAttestor "sshpop" {{ plugin_data {{ cert_authorities = ["{authority.line}"] }} }}'


def agents(running: Running) -> list[str]:
    return [str(one.id) for one in running.server.follower.index.agents.values()]


REFUSED = {
    "key": "ECDSA signature verify failed",
    "nonce": "ECDSA signature verify failed",
    "replay": "ECDSA signature verify failed",
    "oversize": "invalid response nonce",
    "empty": "invalid response nonce",
    "null": "expecting ECDSA response",
}


def test_a_certificate_of_a_known_ca_proves_a_node_and_proves_it_again(tmp_path: Path, peer: Peer) -> None:
    async def scenario() -> None:
        ca = TestCa()
        known = files(ca.intermediate().leaf().write(tmp_path, "node"))
        async with server(tmp_path, plugins=by_certificate(ca.write(tmp_path / "ca.pem"))) as running:
            first = await peer.attest(running, "x509pop", "", *known)
            assert first == await peer.attest(running, "x509pop", "", *known)
            assert first["error"] == "" and first["reattestable"] is True
            assert str(first["id"]).startswith("spiffe://example.org/spire/agent/x509pop/")

    asyncio.run(scenario())


@pytest.mark.parametrize("twist", [*REFUSED, "garbage"])
def test_a_response_that_proves_no_key_of_a_certificate_is_refused(
    tmp_path: Path, peer: Peer, twist: str
) -> None:
    async def scenario() -> None:
        ca = TestCa()
        known = files(ca.leaf().write(tmp_path, "node"))
        async with server(tmp_path, plugins=by_certificate(ca.write(tmp_path / "ca.pem"))) as running:
            error = (await peer.attest(running, "x509pop", twist, *known))["error"]
            if twist == "garbage":
                wanted = "InvalidArgument: nodeattestor(x509pop): unable to unmarshal challenge response: "
                assert str(error).startswith(wanted)
            else:
                wanted = "PermissionDenied: nodeattestor(x509pop): challenge response verification failed: "
                assert error == wanted + REFUSED[twist]
            assert len(agents(running)) == (twist == "replay")  # its first, true proof

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("foreign", "certificate signed by unknown authority"),
        ("expired", "certificate expired at "),
        ("address", "client IP 127.0.0.1 does not match any certificate IP SAN"),
    ],
)
def test_a_certificate_that_proves_nothing_is_refused(
    tmp_path: Path, peer: Peer, fault: str, told: str
) -> None:
    async def scenario() -> None:
        ca = TestCa()
        leaf = {
            "foreign": TestCa().leaf(),
            "expired": ca.leaf(lifetime=timedelta(minutes=-5)),
            "address": ca.leaf(),
        }[fault]
        block = by_certificate(
            ca.write(tmp_path / "ca.pem"), f"verify_client_ip = {str(fault == 'address').lower()}"
        )
        async with server(tmp_path, plugins=block) as running:
            found = await peer.attest(running, "x509pop", "", *files(leaf.write(tmp_path, "node")))
            assert str(found["error"]).startswith("PermissionDenied: nodeattestor(x509pop): ")
            assert told in str(found["error"])
            assert not agents(running)

    asyncio.run(scenario())


async def minted(running: Running, path: str, folder: Path) -> tuple[str, ...]:
    """Options for an SVID of the server's own."""
    key = new_key()
    async with running.admin() as channel:
        request = svid_pb2.MintX509SVIDRequest(csr=csr.create(key, SpiffeId.of(TRUST_DOMAIN, path)))
        made = await SVIDStub(channel).MintX509SVID(request)
    return files(Issued(tuple(made.svid.cert_chain), key).write(folder, "svid"))


def test_an_svid_below_the_prefix_is_exchanged_for_an_agents(tmp_path: Path, peer: Peer) -> None:
    async def scenario() -> None:
        block = 'NodeAttestor "x509pop" { plugin_data { mode = "spiffe" } }'
        async with server(tmp_path, plugins=block) as running:
            known = await minted(running, "/spire-exchange/east/1", tmp_path)
            found = await peer.attest(running, "x509pop", "", *known)
            assert found == {
                "id": "spiffe://example.org/spire/agent/x509pop/east/1",
                "reattestable": True,
                "error": "",
            }
            other = await minted(running, "/other/1", tmp_path)
            refused = await peer.attest(running, "x509pop", "", *other)
            assert refused["error"] == (
                "PermissionDenied: nodeattestor(x509pop): x509 cert doesnt match SVID prefix"
            )
            foreign = files(TestCa().leaf("/spire-exchange/east/1").write(tmp_path, "foreign"))
            refused = await peer.attest(running, "x509pop", "", *foreign)
            assert "certificate signed by unknown authority" in str(refused["error"])
            assert agents(running) == [found["id"]]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "make",
    [
        lambda: rsa.generate_private_key(65537, 2048),
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: None,
    ],
    ids=["rsa", "ecdsa", "ed25519"],
)
def test_a_host_certificate_of_a_known_authority_proves_a_node(
    tmp_path: Path, peer: Peer, make: Callable[[], SshKey | None]
) -> None:
    async def scenario() -> None:
        authority = SshAuthority()
        known = ssh_files(authority.host(tmp_path, make()))
        async with server(tmp_path, plugins=by_ssh(authority)) as running:
            first = await peer.attest(running, "sshpop", "", *known)
            assert first == await peer.attest(running, "sshpop", "", *known)
            assert first["error"] == "" and first["reattestable"] is True
            assert str(first["id"]).startswith("spiffe://example.org/spire/agent/sshpop/")

    asyncio.run(scenario())


@pytest.mark.parametrize("twist", ["key", "nonce", "replay", "oversize", "empty", "null", "garbage"])
def test_a_response_that_proves_no_host_key_is_refused(tmp_path: Path, peer: Peer, twist: str) -> None:
    told = {
        "oversize": "invalid response nonce",
        "empty": "invalid response nonce",
        "null": "invalid response nonce",
        "garbage": "failed to unmarshal challenge response: ",
    }.get(twist, "failed to verify signature: ssh: ")

    async def scenario() -> None:
        authority = SshAuthority()
        known = ssh_files(authority.host(tmp_path))
        async with server(tmp_path, plugins=by_ssh(authority)) as running:
            found = await peer.attest(running, "sshpop", twist, *known)
            assert str(found["error"]).startswith(f"Internal: nodeattestor(sshpop): {told}")
            assert len(agents(running)) == (twist == "replay")

    asyncio.run(scenario())


def by_another_authority(_: SshAuthority, folder: Path) -> tuple[Path, Path]:
    return SshAuthority().host(folder)


def expired(authority: SshAuthority, folder: Path) -> tuple[Path, Path]:
    return authority.host(folder, lifetime=-60.0)


def without_principals(authority: SshAuthority, folder: Path) -> tuple[Path, Path]:
    return authority.host(folder, principals=())


def with_a_critical_option(authority: SshAuthority, folder: Path) -> tuple[Path, Path]:
    return authority.host(folder, critical=True)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (by_another_authority, "no authorities for hostname"),
        (expired, "cert has expired"),
        (without_principals, "principal"),
        (with_a_critical_option, "critical option"),
    ],
)
def test_a_host_certificate_that_proves_nothing_is_refused(
    tmp_path: Path, peer: Peer, make: Callable[[SshAuthority, Path], tuple[Path, Path]], told: str
) -> None:
    async def scenario() -> None:
        authority = SshAuthority()
        known = ssh_files(make(authority, tmp_path))
        async with server(tmp_path, plugins=by_ssh(authority)) as running:
            found = await peer.attest(running, "sshpop", "", *known)
            assert str(found["error"]).startswith("Internal: nodeattestor(sshpop): ")
            assert told in str(found["error"])
            assert not agents(running)

    asyncio.run(scenario())


class Names:
    """A name server: each question is answered by the next of `answers`, the last one for ever."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), 0

    async def resolve(self, _: str) -> Sequence[str]:
        self.asked += 1
        return [self.answers[min(self.asked, len(self.answers)) - 1]]


def with_names(
    names: Names, allowed: Callable[[Address], bool]
) -> Callable[[ServerHost], list[catalog.Kind]]:
    """The server's plugins, but that http_challenge asks `names`."""

    def made(host: ServerHost) -> list[catalog.Kind]:
        def http_challenge(block: PluginConfig) -> ServerNodeAttestor:
            get = functools.partial(fetch, resolve=names.resolve, allowed=allowed)
            return http_server.HttpChallenge(decode_options(block, http_server.Config), host, get)

        return [
            catalog.Kind(one.name, one.least, one.most, {**one.known, "http_challenge": http_challenge})
            if one.name == "NodeAttestor"
            else one
            for one in kinds(host)
        ]

    return made


BY_HTTP = 'NodeAttestor "http_challenge" { plugin_data {} }'


def only_127_0_0_1(address: Address) -> bool:
    return str(address) == "127.0.0.1"


@pytest.mark.parametrize(
    ("twist", "told"),
    [
        ("", ""),
        ("redirect", "http redirects are disabled"),
        ("other", "expected nonce was not found in HTTP response"),
        ("long", "expected nonce was not found in HTTP response"),
    ],
)
def test_a_nonce_is_looked_for_at_the_named_host_only(
    tmp_path: Path, peer: Peer, twist: str, told: str
) -> None:
    async def scenario() -> None:
        names = Names("127.0.0.1")
        async with server(tmp_path, plugins=BY_HTTP, kinds=with_names(names, only_127_0_0_1)) as running:
            found = await peer.attest(running, "http_challenge", twist, "-host", HOST)
            failure = "PermissionDenied: nodeattestor(http_challenge): challenge verification failed: "
            assert found["error"] == (told and failure + told)
            assert agents(running) == (
                [] if told else [f"spiffe://example.org/spire/agent/http_challenge/{HOST}"]
            )

    asyncio.run(scenario())


def test_a_host_that_attested_is_not_believed_again(tmp_path: Path, peer: Peer) -> None:
    async def scenario() -> None:
        names = Names("127.0.0.1")
        async with server(tmp_path, plugins=BY_HTTP, kinds=with_names(names, only_127_0_0_1)) as running:
            found = await peer.attest(running, "http_challenge", "replay", "-host", HOST)
            assert str(found["error"]).startswith("PermissionDenied: nodeattestor(http_challenge): ")
            assert len(agents(running)) == 1

    asyncio.run(scenario())


def test_a_name_that_leads_elsewhere_a_moment_later_changes_nothing(tmp_path: Path, peer: Peer) -> None:
    async def scenario() -> None:
        names = Names("127.0.0.1", "169.254.169.254")
        async with server(tmp_path, plugins=BY_HTTP, kinds=with_names(names, only_127_0_0_1)) as running:
            assert (await peer.attest(running, "http_challenge", "", "-host", HOST))["error"] == ""
            assert names.asked == 1
            other = await peer.attest(running, "http_challenge", "", "-host", "other.example")
            assert str(other["error"]).endswith("resolves to an address that is not allowed")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "169.254.169.254",
        "fe80::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "64:ff9b::7f00:1",
    ],
)
def test_a_name_that_leads_to_this_machine_or_its_link_is_refused(
    tmp_path: Path, peer: Peer, address: str
) -> None:
    async def scenario() -> None:
        async with server(
            tmp_path, plugins=BY_HTTP, kinds=with_names(Names(address), is_fetchable)
        ) as running:
            found = await peer.attest(running, "http_challenge", "", "-host", HOST)
            assert found["error"] == (
                "PermissionDenied: nodeattestor(http_challenge): challenge verification failed: "
                f'host name "{HOST}" resolves to an address that is not allowed'
            )
            assert not agents(running)

    asyncio.run(scenario())
