"""sshpop, server's half, against the agent's half."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import SSHCertificateType

from finial.errors import FinialError, Internal, InvalidArgument, PermissionDenied
from finial.plugin.kinds import AttestedNode
from finial.plugins.node.possession import combined
from finial.plugins.node.sshpop import agent
from finial.plugins.node.sshpop.agent import SshPopAttestor
from finial.plugins.node.sshpop.server import Config, SshPop
from finial.testing.node import Exchange, NodeHost, SshAuthority, SshKey, prove

RSA_KEY = rsa.generate_private_key(65537, 2048)


def node(files: tuple[Path, Path]) -> SshPopAttestor:
    return SshPopAttestor(agent.Config(host_key_path=str(files[0]), host_cert_path=str(files[1])))


def server(authority: SshAuthority, **options: object) -> SshPop:
    return SshPop(replace(Config(), cert_authorities=(authority.line,), **options), NodeHost())  # type: ignore[arg-type]


def run(one: SshPop, other: SshPopAttestor, exchange: Exchange | None = None) -> AttestedNode:
    return asyncio.run(prove(one, other, exchange))


def refused(
    one: SshPop,
    other: SshPopAttestor,
    text: str,
    kind: type[FinialError] = Internal,
    exchange: Exchange | None = None,
) -> None:
    with pytest.raises(kind, match=rf"^nodeattestor\(sshpop\): {text}"):
        run(one, other, exchange)


@pytest.mark.parametrize(
    "key",
    [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1()),
     ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP521R1()), RSA_KEY],
    ids=["ed25519", "p256", "p384", "p521", "rsa"],
)  # fmt: skip
def test_a_host_is_named_by_its_certificate_and_may_come_again(tmp_path: Path, key: SshKey) -> None:
    authority, seen = SshAuthority(), Exchange()
    one = node(authority.host(tmp_path, key))
    found = run(server(authority), one, seen)
    data = base64.b64decode(json.loads(seen.payload)["Certificate"])
    name = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    assert found.agent_id.path == f"/spire/agent/sshpop/{name}"
    assert found.can_reattest and found.selectors == ()
    assert run(server(authority), one) == found


def test_an_rsa_signature_as_stock_agents_make_it_is_taken(tmp_path: Path) -> None:
    authority, seen = SshAuthority(), Exchange()

    def as_stock(response: bytes) -> bytes:
        answer = json.loads(response)
        nonces = (json.loads(seen.challenges[-1])["Nonce"], answer["Nonce"])
        signed = combined(*(base64.b64decode(one) for one in nonces))
        blob = RSA_KEY.sign(signed, padding.PKCS1v15(), hashes.SHA1())
        answer["Signature"] = {"Format": "ssh-rsa", "Blob": base64.b64encode(blob).decode(), "Rest": None}
        return json.dumps(answer).encode()

    seen.forge = as_stock
    assert run(server(authority), node(authority.host(tmp_path, RSA_KEY)), seen).can_reattest


def test_what_is_no_host_of_a_known_authority_is_refused(tmp_path: Path) -> None:
    authority = SshAuthority()
    one = server(authority)
    failed = "failed to check host key: ssh: "
    refused(
        one, node(SshAuthority().host(tmp_path)), failed + "no authorities for hostname: web-1.example.org:22"
    )
    refused(one, node(authority.host(tmp_path, lifetime=-60)), failed + "cert has expired")
    refused(
        one,
        node(authority.host(tmp_path, kind=SSHCertificateType.USER)),
        failed + "certificate presented as a host key has type 1",
    )
    refused(
        one,
        node(authority.host(tmp_path, critical=True)),
        failed + 'unsupported critical option "force-command"',
    )


def test_a_changed_certificate_is_refused(tmp_path: Path) -> None:
    authority = SshAuthority()
    private, public = authority.host(tmp_path)
    kind, data = public.read_bytes().split()[:2]
    changed = base64.b64encode(base64.b64decode(data).replace(b"web-1", b"web-2"))
    public.write_bytes(kind + b" " + changed)
    refused(
        server(authority),
        node((private, public)),
        "failed to check host key: ssh: certificate signature does not verify",
    )


def test_an_answer_to_another_challenge_is_refused(tmp_path: Path) -> None:
    authority, seen = SshAuthority(), Exchange()
    one = node(authority.host(tmp_path))
    run(server(authority), one, seen)
    replay = Exchange(forge=lambda _: seen.responses[0])
    refused(server(authority), one, "failed to verify signature", exchange=replay)


@pytest.mark.parametrize(
    "response",
    [b"", b"{}", b'{"Nonce": "AQ=="}', b'{"Nonce": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}',
     b'{"Nonce": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "Signature": {"Format": "ssh-rsa", "Blob": "AA=="}}'],
)  # fmt: skip
def test_a_response_that_is_none_is_refused(tmp_path: Path, response: bytes) -> None:
    authority = SshAuthority()
    one = node(authority.host(tmp_path))
    refused(server(authority), one, "", exchange=Exchange(forge=lambda _: response))


@pytest.mark.parametrize(
    "payload",
    [b"x", b"{}", b'{"Certificate": ""}', b'{"Certificate": "AAAA"}', b'{"Certificate": "AAAAB3NzaC1yc2E="}'],
)
def test_a_proof_that_is_none_is_refused(payload: bytes) -> None:
    async def never(_: bytes) -> bytes:
        raise AssertionError("nothing to challenge")

    with pytest.raises(Internal, match=r"^nodeattestor\(sshpop\): "):
        asyncio.run(server(SshAuthority()).attest(payload, never))


def test_the_host_is_told_within_the_canonical_domain(tmp_path: Path) -> None:
    authority = SshAuthority()
    one = server(
        authority, canonical_domain="example.org", agent_path_template="/host/{{ .Hostname }}/{{ .Serial }}"
    )
    assert run(one, node(authority.host(tmp_path))).agent_id.path == "/spire/agent/host/web-1/7"
    refused(
        one,
        node(authority.host(tmp_path, principals=("web.other",))),
        'failed to decanonicalize hostname: cert principal is not in domain ".example.org"',
    )


def test_a_principal_cannot_choose_its_path(tmp_path: Path) -> None:
    authority = SshAuthority()
    one = server(authority, agent_path_template="/host/{{ index .ValidPrincipals 0 }}")
    refused(
        one,
        node(authority.host(tmp_path, principals=("../x",))),
        "a name in the proof adds segments",
        PermissionDenied,
    )


def test_authorities_come_from_the_list_and_the_file(tmp_path: Path) -> None:
    listed, filed = SshAuthority(), SshAuthority(ec.generate_private_key(ec.SECP256R1()))
    path = tmp_path / "authorities"
    path.write_text(f"\nno-pty {filed.line} comment\n")
    one = server(listed, cert_authorities_path=str(path))
    for authority in (listed, filed):
        assert run(one, node(authority.host(tmp_path))).can_reattest


@pytest.mark.parametrize(
    ("options", "text"),
    [({}, 'missing required config value for "cert_authorities" or "cert_authorities_path"'),
     ({"cert_authorities": ("nope",)}, "failed to create cert checker: failed to parse public key"),
     ({"cert_authorities_path": "/absent"}, "failed to get cert authorities from file: open /absent: no such file")],
)  # fmt: skip
def test_a_configuration_that_cannot_work_is_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        SshPop(replace(Config(), **options), NodeHost())  # type: ignore[arg-type]
