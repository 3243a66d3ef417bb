"""x509pop, server's half, against the agent's half: who is let in, as whom, and who is not."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from finial.errors import FinialError, Internal, InvalidArgument, PermissionDenied
from finial.plugin.kinds import AttestedNode
from finial.plugins.node.x509pop import agent
from finial.plugins.node.x509pop.agent import X509PopAttestor
from finial.plugins.node.x509pop.server import Config, X509Pop, plain_address
from finial.testing.ca import TestCa
from finial.testing.node import Exchange, NodeHost, prove

CONFIG = Config()


def node_files(
    folder: Path, ca: TestCa, *, name: str = "web-1", uris: list[str] | None = None, **options: object
) -> X509PopAttestor:
    """An agent with a certificate of the CA."""
    issued = certificate(ca, name, uris or [], **options)  # type: ignore[arg-type]
    return attestor(folder, *issued)


def attestor(
    folder: Path, chain: list[bytes], key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
) -> X509PopAttestor:
    path, key_path = folder / "node.pem", folder / "node.key"
    pems = [x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in chain]
    path.write_bytes(b"".join(pems))
    key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return X509PopAttestor(agent.Config(private_key_path=str(key_path), certificate_path=str(path)))


def certificate(
    ca: TestCa,
    name: str,
    uris: list[str],
    *,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
    signs: bool = True,
    lifetime: timedelta = timedelta(hours=1),
    ips: tuple[str, ...] = (),
) -> tuple[list[bytes], ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey]:
    key = key or ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(one) for one in uris]
    names += [x509.IPAddress(ipaddress.ip_address(one)) for one in ips]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else []))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(0xA1B2C)
        .not_valid_before(min(ca.now, ca.now + lifetime) - timedelta(hours=1))
        .not_valid_after(ca.now + lifetime)
        .add_extension(
            x509.KeyUsage(signs, False, True, False, False, False, False, False, False), critical=True
        )
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = builder.sign(ca.private_key, hashes.SHA256())
    return [made.public_bytes(Encoding.DER), *ca.chain], key


def server(folder: Path, ca: TestCa, host: NodeHost | None = None, **options: object) -> X509Pop:
    config = replace(CONFIG, ca_bundle_path=str(ca.write(folder / "ca.pem")), **options)  # type: ignore[arg-type]
    return X509Pop(config, host or NodeHost())


def run(one: X509Pop, other: X509PopAttestor, exchange: Exchange | None = None) -> AttestedNode:
    return asyncio.run(prove(one, other, exchange))


def refused(
    one: X509Pop, other: X509PopAttestor, kind: type[FinialError], text: str, exchange: Exchange | None = None
) -> None:
    with pytest.raises(kind, match=rf"^nodeattestor\(x509pop\): {text}"):
        run(one, other, exchange)


def test_a_node_is_named_by_its_certificate_and_may_come_again(tmp_path: Path) -> None:
    ca = TestCa()
    one = node_files(
        tmp_path, ca.intermediate(), uris=["x509pop://example.org/zone/east/1", "x509pop://other/a/b"]
    )
    found = run(server(tmp_path, ca), one)
    der = x509.load_pem_x509_certificates((tmp_path / "node.pem").read_bytes())[0]
    assert found.agent_id.path == f"/spire/agent/x509pop/{der.fingerprint(hashes.SHA1()).hex()}"
    assert found.can_reattest
    values = [str(one) for one in found.selectors]
    assert values[0] == "x509pop:subject:cn:web-1"
    assert [one.startswith("x509pop:ca:fingerprint:") for one in values] == [False, True, True, False, False]
    assert values[3:] == ["x509pop:serialnumber:0a1b2c", "x509pop:san:zone:east/1"]
    assert run(server(tmp_path, ca), one) == found


def test_an_rsa_key_proves_as_well(tmp_path: Path) -> None:
    ca = TestCa()
    one = node_files(tmp_path, ca, key=rsa.generate_private_key(65537, 2048))
    assert run(server(tmp_path, ca), one).can_reattest


def test_a_certificate_of_another_ca_is_refused(tmp_path: Path) -> None:
    one = node_files(tmp_path, TestCa(name="same"))
    refused(
        server(tmp_path, TestCa(name="same")),
        one,
        PermissionDenied,
        "certificate verification failed: x509: certificate signed by unknown authority",
    )


def test_nodes_of_each_ca_that_is_listed_are_let_in(tmp_path: Path) -> None:
    cas, folders = [TestCa(), TestCa(), TestCa()], [tmp_path / name for name in "abc"]
    for ca, folder in zip(cas, folders, strict=True):
        folder.mkdir()
        ca.write(folder / "ca.pem")
    config = replace(CONFIG, ca_bundle_paths=tuple(str(one / "ca.pem") for one in folders[:2]))
    one = X509Pop(config, NodeHost())
    run(one, node_files(folders[0], cas[0]))
    run(one, node_files(folders[1], cas[1]))
    refused(one, node_files(folders[2], cas[2]), PermissionDenied, "")


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    ca = TestCa()
    one = node_files(tmp_path, ca, lifetime=timedelta(minutes=-1))
    refused(
        server(tmp_path, ca),
        one,
        PermissionDenied,
        "certificate verification failed: x509: certificate expired",
    )


def test_a_leaf_that_is_trusted_itself_needs_no_issuer(tmp_path: Path) -> None:
    ca = TestCa()
    one = node_files(tmp_path, ca)
    pinned = replace(CONFIG, ca_bundle_path=str(tmp_path / "node.pem"))
    values = [str(one) for one in run(X509Pop(pinned, NodeHost()), one).selectors]
    assert values == ["x509pop:subject:cn:web-1", "x509pop:serialnumber:0a1b2c"]


def test_an_answer_to_another_challenge_is_refused(tmp_path: Path) -> None:
    ca = TestCa()
    one, seen = node_files(tmp_path, ca), Exchange()
    run(server(tmp_path, ca), one, seen)
    replay = Exchange(forge=lambda _: seen.responses[0])
    refused(
        server(tmp_path, ca),
        one,
        PermissionDenied,
        "challenge response verification failed: ECDSA signature verify failed",
        replay,
    )


def test_the_key_of_another_certificate_proves_nothing(tmp_path: Path) -> None:
    ca = TestCa()
    one = node_files(tmp_path, ca)
    one._key = ec.generate_private_key(ec.SECP256R1())
    original = one.payload

    async def keep_key() -> bytes:
        held = one._key
        data = await original()
        one._key = held
        return data

    one.payload = keep_key  # type: ignore[method-assign]
    refused(server(tmp_path, ca), one, PermissionDenied, "challenge response verification failed")


@pytest.mark.parametrize(
    "response",
    [b"", b"nope", b"[]", b"null", b"{}", b'{"ecdsa_signature": 3}', b'{"rsa_signature": {"nonce": "", "signature": ""}}',
     b'{"ecdsa_signature": {"nonce": "AQ==", "r": "AQ==", "s": "AQ=="}}',
     json.dumps({"ecdsa_signature": {"nonce": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "r": "A" * 4000, "s": ""}}).encode(),
     b'{"ecdsa_signature": {"nonce": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "r": "", "s": ""}}'],
)  # fmt: skip
def test_a_response_that_is_none_is_refused(tmp_path: Path, response: bytes) -> None:
    ca = TestCa()
    with pytest.raises((InvalidArgument, PermissionDenied)):
        run(server(tmp_path, ca), node_files(tmp_path, ca), Exchange(forge=lambda _: response))


def test_a_long_chain_is_refused_before_it_is_read(tmp_path: Path) -> None:
    ca = TestCa()
    deep = ca
    for number in range(3):
        deep = deep.intermediate(f"intermediate {number}")
    one = node_files(tmp_path, deep)
    assert run(server(tmp_path, ca), one).can_reattest
    refused(
        server(tmp_path, ca, max_intermediates=2), one, InvalidArgument, "too many intermediate certificates"
    )


def test_a_large_rsa_key_is_refused(tmp_path: Path) -> None:
    ca = TestCa()
    one = node_files(tmp_path, ca, key=rsa.generate_private_key(65537, 2048))
    refused(
        server(tmp_path, ca, max_rsa_key_size=1024),
        one,
        InvalidArgument,
        "leaf certificate key size too large",
    )


def test_a_key_that_is_not_for_signing_is_refused(tmp_path: Path) -> None:
    ca = TestCa()
    refused(
        server(tmp_path, ca),
        node_files(tmp_path, ca, signs=False),
        Internal,
        "unable to generate challenge: certificate not intended for digital signature use",
    )


@pytest.mark.parametrize(
    ("payload", "text"),
    [(b"nonsense", "failed to unmarshal data"), (b"{}", "no certificate to attest"),
     (b'{"certificates": []}', "no certificate to attest"), (b'{"certificates": 3}', "failed to unmarshal data"),
     (b'{"certificates": ["bm9wZQ=="]}', "unable to parse leaf certificate: x509: malformed certificate"),
     (b'{"certificates": ["*"]}', "failed to unmarshal data"),
     (b'{"certificates": [], "Certificates": []}', "failed to unmarshal data")],
)  # fmt: skip
def test_a_proof_that_is_none_is_refused(tmp_path: Path, payload: bytes, text: str) -> None:
    async def never(_: bytes) -> bytes:
        raise AssertionError("nothing to challenge")

    with pytest.raises(InvalidArgument, match=rf"^nodeattestor\(x509pop\): {text}"):
        asyncio.run(server(tmp_path, TestCa()).attest(payload, never))


def test_the_template_names_the_agent(tmp_path: Path) -> None:
    ca = TestCa()
    one = server(
        tmp_path, ca, agent_path_template="/cn/{{ .Subject.CommonName | lower }}/{{ .SerialNumberHex }}"
    )
    assert run(one, node_files(tmp_path, ca, name="Web")).agent_id.path == "/spire/agent/cn/web/0a1b2c"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("../admin", PermissionDenied), ("a/b", PermissionDenied), ("a/", PermissionDenied), ("..", Internal),
     ("a b", Internal), ("", Internal), ("%2e", Internal), ("é", Internal)],
)  # fmt: skip
def test_a_name_cannot_choose_its_path(tmp_path: Path, name: str, kind: type[FinialError]) -> None:
    ca = TestCa()
    one = server(tmp_path, ca, agent_path_template="/node/{{ .Subject.CommonName }}")
    with pytest.raises(kind):
        run(one, node_files(tmp_path, ca, name=name))


def test_an_svid_below_the_prefix_is_exchanged(tmp_path: Path) -> None:
    ca = TestCa()
    host = NodeHost(roots=(ca.der,))
    one = X509Pop(replace(CONFIG, mode="spiffe"), host)
    good = node_files(tmp_path, ca, uris=["spiffe://example.org/spire-exchange/east/1"])
    assert run(one, good).agent_id.path == "/spire/agent/x509pop/east/1"
    other = node_files(tmp_path, ca, uris=["spiffe://example.org/other/1"])
    refused(one, other, PermissionDenied, "x509 cert doesnt match SVID prefix")
    refused(one, node_files(tmp_path, ca), PermissionDenied, "valid SVID x509 cert not found")
    foreign = node_files(tmp_path, ca, uris=["spiffe://other.org/spire-exchange/1"])
    refused(one, foreign, PermissionDenied, "x509 cert doesnt match SVID prefix")
    host.roots = ()
    refused(one, good, PermissionDenied, "certificate verification failed")


def test_the_callers_address_must_be_in_the_certificate_if_asked(tmp_path: Path) -> None:
    ca, host = TestCa(), NodeHost()
    one = server(tmp_path, ca, host, verify_client_ip=True)
    good = node_files(tmp_path, ca, ips=("192.0.2.1",))
    assert run(one, good).can_reattest
    host.address = "::ffff:192.0.2.1"
    assert run(one, good).can_reattest
    host.address = "192.0.2.2"
    refused(one, good, PermissionDenied, "client IP 192.0.2.2 does not match any certificate IP SAN")
    host.address = ""
    refused(one, good, Internal, "client IP not available")
    with pytest.raises(Internal, match="invalid client IP"):
        plain_address("nope")


@pytest.mark.parametrize(
    ("options", "text"),
    [({}, "one of ca_bundle_path or ca_bundle_paths must be configured"),
     ({"ca_bundle_path": "x", "ca_bundle_paths": ("y",)}, "only one of ca_bundle_path or ca_bundle_paths"),
     ({"mode": "spiffe", "ca_bundle_path": "x"}, "you can not use ca_bundle_path"),
     ({"ca_bundle_path": "/absent.pem"}, 'unable to load trust bundle "/absent.pem": open /absent.pem: no such file'),
     ({"ca_bundle_path": "x", "agent_path_template": "{{"}, "failed to parse agent svid template")],
)  # fmt: skip
def test_a_configuration_that_cannot_work_is_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        X509Pop(replace(CONFIG, **options), NodeHost())  # type: ignore[arg-type]
