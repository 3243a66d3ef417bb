"""What options of the server's file do to a server that runs with them; by option in tests/config-effects.txt."""

from __future__ import annotations

import json
import socket
from base64 import urlsafe_b64decode
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import NameOID
from grpclib.exceptions import GRPCError

from finial.spiffe.id import SpiffeId
from finial.testing.server import TRUST_DOMAIN, Identity, Running, attest, new_key, play
from finial.wire.convert.id import id_to_wire
from finial.wire.convert.svid import x509_svid_from_wire
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.server.svid.v1 import svid_pb2
from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDStub

SLACK = timedelta(seconds=30)  # certificates begin ten seconds early, and a test takes its time


def lifetime(der: bytes) -> timedelta:
    certificate = x509.load_der_x509_certificate(der)
    return certificate.not_valid_after_utc - certificate.not_valid_before_utc


def about(found: timedelta, wanted: timedelta) -> bool:
    return abs(found - wanted) < SLACK


async def root_of(running: Running) -> x509.Certificate:
    bundle = await running.server.store.bundle(TRUST_DOMAIN)
    assert bundle is not None
    return x509.load_der_x509_certificate(bundle.x509_roots[0])


async def token_claims(running: Running) -> dict[str, object]:
    request = svid_pb2.MintJWTSVIDRequest(audience=["a"])
    request.id.trust_domain, request.id.path = TRUST_DOMAIN.name, "/w"
    async with running.admin() as channel:
        token = (await SVIDStub(channel).MintJWTSVID(request)).svid.token
    payload = token.split(".")[1]
    claims: dict[str, object] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


async def minted(running: Running, path: str) -> Identity:
    key = new_key()
    text = f"spiffe://{TRUST_DOMAIN.name}{path}"
    name = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(text)])

    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(name, critical=False)
        .sign(key, hashes.SHA256())
    )
    async with running.admin() as channel:
        answer = await SVIDStub(channel).MintX509SVID(
            svid_pb2.MintX509SVIDRequest(csr=request.public_bytes(Encoding.DER))
        )
    return Identity(x509_svid_from_wire(answer.svid), key)


def test_authorities_are_of_the_subject_lifetime_and_key_types_configured(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        root = await root_of(running)
        assert about(root.not_valid_after_utc - root.not_valid_before_utc, timedelta(hours=48))
        oids = (NameOID.COUNTRY_NAME, NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        found = [root.subject.get_attributes_for_oid(oid)[0].value for oid in oids]
        assert found == ["FR", "Acme", "the CA"]
        key = root.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.key_size == 384
        bundle = await running.server.store.bundle(TRUST_DOMAIN)
        assert bundle is not None
        signs = load_der_public_key(bundle.jwt_authorities[0].public_key)
        assert isinstance(signs, rsa.RSAPublicKey)

    options = """ca_ttl = "48h" ca_key_type = "ec-p384" jwt_key_type = "rsa-2048"
      ca_subject { country = ["FR"] organization = ["Acme"] common_name = "the CA" }"""
    play(tmp_path, scene, options)


def test_svids_live_as_long_as_their_option_says(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        assert about(lifetime((await attest(running)).svid.chain[0]), timedelta(minutes=20))
        assert about(lifetime((await minted(running, "/w")).svid.chain[0]), timedelta(minutes=10))
        claims = await token_claims(running)
        assert claims["iss"] == "https://issuer.test"
        assert int(str(claims["exp"])) - int(str(claims["iat"])) == 120

    options = """agent_ttl = "20m" default_x509_svid_ttl = "10m" default_jwt_svid_ttl = "2m"
      jwt_issuer = "https://issuer.test" """
    play(tmp_path, scene, options)


def test_without_jwt_svids_there_is_no_key_and_no_token(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        bundle = await running.server.store.bundle(TRUST_DOMAIN)
        assert bundle is not None
        assert not bundle.jwt_authorities
        with pytest.raises(GRPCError):
            await token_claims(running)

    play(tmp_path, scene, "disable_jwt_svids = true")


def test_who_is_named_an_admin_may_list_entries_from_the_network(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        for path, may in (("/boss", True), ("/clerk", False)):
            async with running.remote(await minted(running, path)) as channel:
                call = EntryStub(channel).ListEntries
                if may:
                    await call(entry_pb2.ListEntriesRequest())
                else:
                    with pytest.raises(GRPCError):
                        await call(entry_pb2.ListEntriesRequest())

    play(tmp_path, scene, 'admin_ids = ["spiffe://example.org/boss"]')


def test_the_server_listens_and_keeps_its_data_where_it_is_told(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        assert (tmp_path / "api.sock").is_socket()
        assert (tmp_path / "data").is_dir()
        with socket.create_connection(("127.0.0.1", running.server.port), timeout=5) as connected:
            assert connected.getpeername()[0] == "127.0.0.1"
        told = [line for line in running.lines if "Starting Server APIs" in line]
        assert any(f'address="127.0.0.1:{running.server.port}"' in line for line in told)

    play(tmp_path, scene)


@pytest.mark.parametrize("on", [True, False])
def test_an_alias_may_name_agents_by_their_own_ids_where_these_are_selectors(
    tmp_path: Path, on: bool
) -> None:
    async def scene(running: Running) -> None:
        agent = await attest(running)
        async with running.admin() as channel:
            made = entry_pb2.BatchCreateEntryRequest()
            alias, below = made.entries.add(), made.entries.add()
            alias.spiffe_id.CopyFrom(id_to_wire(SpiffeId(TRUST_DOMAIN, "/cluster")))
            alias.parent_id.CopyFrom(id_to_wire(SpiffeId(TRUST_DOMAIN, "/spire/server")))
            alias.selectors.add(type="spiffe_id", value=str(agent.id))
            below.id = "below"
            below.spiffe_id.CopyFrom(id_to_wire(SpiffeId(TRUST_DOMAIN, "/w")))
            below.parent_id.CopyFrom(alias.spiffe_id)
            below.selectors.add(type="a", value="b")
            await EntryStub(channel).BatchCreateEntry(made)
        async with running.remote(agent) as channel:
            found = await EntryStub(channel).GetAuthorizedEntries(entry_pb2.GetAuthorizedEntriesRequest())
        assert ("below" in [one.id for one in found.entries]) is on

    play(tmp_path, scene, f"experimental {{ agent_spiffe_id_as_selector = {str(on).lower()} }}")
