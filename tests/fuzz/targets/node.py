"""Whole attestations of nodes: a stranger's payload, and an honest answer to the challenge where the key is there."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ParamSpec, TypeVar
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import ed25519
from tests.fuzz.mutate.der import by_der
from tests.fuzz.target import target
from tests.fuzz.targets.attestation import by_payload
from tests.fuzz.targets.credentials import EXAMPLE, JSON_WORDS, NOW, authority, key_of
from tests.fuzz.targets.signed import chain_of, chains

from finial.errors import FinialError
from finial.plugin.kinds import ServerNodeAttestor
from finial.plugins.node import message
from finial.plugins.node.http_challenge import exchange as http
from finial.plugins.node.http_challenge import server as http_challenge
from finial.plugins.node.join_token.server import JoinToken
from finial.plugins.node.sshpop import exchange as ssh
from finial.plugins.node.sshpop import server as sshpop
from finial.plugins.node.x509pop import exchange as x509
from finial.plugins.node.x509pop import server as x509pop
from finial.registry import join_token
from finial.spiffe.id import SpiffeId
from finial.testing.node import NodeHost, SshAuthority

P = ParamSpec("P")
R = TypeVar("R")
HOST_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
SSH_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(b"\2" * 32)


class Host(NodeHost):
    """At the time of the certificates; any token is there."""

    def now(self) -> float:
        return NOW

    async def take_join_token(self, value: str) -> join_token.JoinToken | None:
        return join_token.JoinToken(value, int(NOW) + 60)


async def inline(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """In place of `asyncio.to_thread`: other threads are not followed."""
    return work(*args, **kwargs)


def attested(
    attestor: ServerNodeAttestor, name: str, payload: bytes, respond: Callable[[bytes], bytes]
) -> SpiffeId:
    """The ID is an agent's of this domain and below its method: no stranger chooses another's."""

    async def challenge(question: bytes) -> bytes:
        return respond(question)

    with patch.object(asyncio, "to_thread", inline):
        found = asyncio.run(attestor.attest(payload, challenge)).agent_id
    assert found.is_agent and found.member_of(EXAMPLE)
    assert found.path.startswith(f"/spire/agent/{name}/"), found
    return found


def ignored(_: bytes) -> bytes:
    return b""


@target("join-token", reads=("plugins/node/join_token/server.py",), words=(b"/", b"..", b"\xff", b"token"))
def attest_by_token(data: bytes) -> None:
    found = attested(JoinToken(Host()), "join_token", data, ignored)
    assert found.path == f"/spire/agent/join_token/{data.decode()}"


@functools.cache
def x509pops() -> tuple[x509pop.X509Pop, x509pop.X509Pop]:
    """By the operator's CA and names, and by the server's own."""
    with TemporaryDirectory() as folder:
        path = authority().write(Path(folder) / "ca.pem")
        template = "/{{ .PluginName }}/{{ .Subject.CommonName }}"
        by_file = x509pop.Config(
            ca_bundle_path=str(path), agent_path_template=template, verify_client_ip=False
        )
        return (
            x509pop.X509Pop(by_file, Host()),
            x509pop.X509Pop(x509pop.Config(mode="spiffe", spiffe_prefix="/"), Host(roots=(authority().der,))),
        )


@target("x509pop", reads=("plugins/node/x509pop/server.py", "plugins/node/x509pop/facts.py", "plugins/node/agent_path.py"),
        made=chains, mutate=by_der, words=(b"x509pop://example.org/a/b", b"spiffe://example.org/web", b"\x7f\0\0\1"))  # fmt: skip
def attest_by_certificate(data: bytes) -> None:
    """Signed by an issuer that the operator trusts, with names that he may not have thought of."""
    payload = x509.encode_proof(chain_of(data))
    for attestor in x509pops():
        try:
            found = attested(attestor, "x509pop", payload, lambda question: x509.respond(key_of(3), question))
        except FinialError:
            continue
        assert attestor is not x509pops()[0] or found.path.count("/") == len(
            ("spire", "agent", "x509pop", "name")
        )


@functools.cache
def sshpops() -> tuple[sshpop.SshPop, bytes]:
    """And a good proof. Certificates of tests are valid around the time of the run."""
    with TemporaryDirectory() as folder:
        _, public = SshAuthority(SSH_KEY).host(Path(folder), HOST_KEY, lifetime=1e9)
        blob = message.from_text(public.read_text().split()[1], "seed")
    template = "/{{ .PluginName }}/{{ .Hostname }}"
    config = sshpop.Config(cert_authorities=(SshAuthority(SSH_KEY).line,), agent_path_template=template)
    return sshpop.SshPop(config, Host()), ssh.encode_proof(blob)


@target("sshpop", reads=("plugins/node/sshpop/server.py", "plugins/node/sshpop/certificate.py"), made=lambda: [sshpops()[1]],
        mutate=by_payload, words=JSON_WORDS)  # fmt: skip
def attest_by_host_key(data: bytes) -> None:
    found = attested(sshpops()[0], "sshpop", data, lambda question: ssh.respond(HOST_KEY, question))
    assert found.path == "/spire/agent/sshpop/web-1.example.org"


def http_proofs() -> Iterable[bytes]:
    yield http.encode_proof(http.Claim("a.test", "agent", 80))
    yield http.encode_proof(http.Claim("1.2.3.4", "agent", 8080))


@target("http-challenge-proof", reads=("plugins/node/http_challenge/server.py", "plugins/node/http_challenge/exchange.py"),
        made=http_proofs, mutate=by_payload, words=JSON_WORDS)  # fmt: skip
def attest_by_host_name(data: bytes) -> None:
    """The nonce is found wherever the claim says."""
    asked: list[bytes] = []

    def remember(question: bytes) -> bytes:
        asked.append(question)
        return b""

    async def fetch(_: http.Claim) -> str:
        return http.decode_challenge(asked[0])

    config = http_challenge.Config(allowed_dns_patterns=("[.]test$", "^1"))
    found = attested(http_challenge.HttpChallenge(config, Host(), fetch), "http_challenge", data, remember)
    assert found.path.removeprefix("/spire/agent/http_challenge/").count("/") == 0
