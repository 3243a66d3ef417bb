"""What may be signed: names come from the entry, each check signs once, SPIRE's words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from finial.authority.compose import Composition
from finial.authority.policy import MAX_TTL, Checked, Policy, X509Request
from finial.errors import Internal, InvalidArgument
from finial.plugin.kinds import CredentialComposer, Extension, KeyType, X509SvidAttributes
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import csr
from finial.svid.subject import SPIRE, Subject

KEY = ec.generate_private_key(ec.SECP256R1())
POLICY = Policy(trust_domain=TrustDomain("example.org"), agent_ttl=1200)
WORKLOAD = SpiffeId.parse("spiffe://example.org/w")
ENTRY = Entry("e", WORKLOAD, SpiffeId.parse("spiffe://example.org/node"), ())
FOREIGN = SpiffeId.parse("spiffe://other.test/w")
PLAIN = csr.parse(csr.create(KEY))


def broken() -> csr.Csr:
    der = bytearray(csr.create(KEY))
    der[-1] ^= 1
    return csr.parse(bytes(der))


def test_workload_is_named_by_its_entry_and_not_by_the_csr() -> None:
    asked = csr.create(
        KEY,
        SpiffeId.parse("spiffe://example.org/admin"),
        dns_names=("evil.test",),
        subject=Subject(common_name="root"),
    )
    entry = replace(ENTRY, dns_names=("b.test", "a.test"), x509_svid_ttl=300)
    request = POLICY.workload(entry, csr.parse(asked)).take()
    assert request.id == WORKLOAD
    assert request.dns_names == ("b.test", "a.test")
    assert request.subject == replace(SPIRE, common_name="b.test")
    assert request.ttl == 300


def test_default_ttls() -> None:
    agent = SpiffeId.parse("spiffe://example.org/spire/agent/join_token/x")
    assert POLICY.workload(ENTRY, PLAIN).take().ttl == 3600
    assert POLICY.agent(agent, PLAIN).take().ttl == 1200
    assert replace(POLICY, agent_ttl=0).agent(agent, PLAIN).take().ttl == 3600
    assert POLICY.server(PLAIN.public_key).take().ttl == 3600
    assert POLICY.workload_jwt(ENTRY, ["a"]).take().ttl == 300
    assert POLICY.workload_jwt(replace(ENTRY, jwt_svid_ttl=120), ["a"]).take().ttl == 120
    assert POLICY.downstream_ca(PLAIN).take().ttl == 86400


@pytest.mark.parametrize(("asked", "given"), [(0, 3600), (-1, 3600), (1, 1), (60, 60), (2**62, MAX_TTL)])
def test_minted_ttl(asked: int, given: int) -> None:
    request = csr.parse(csr.create(KEY, WORKLOAD))
    assert POLICY.mint(request, asked).take().ttl == given


def test_a_check_signs_once() -> None:
    checked = POLICY.workload(ENTRY, PLAIN)
    checked.take()
    with pytest.raises(Internal, match="used twice"):
        checked.take()


def test_nobody_else_makes_a_checked_request() -> None:
    forged = X509Request(WORKLOAD, PLAIN.public_key, SPIRE, (), 60)
    with pytest.raises(Internal, match="was not checked by the policy"):
        Checked(forged, object())


def test_key_must_be_proven() -> None:
    agent = SpiffeId.parse("spiffe://example.org/spire/agent/x")
    for check in (
        lambda: POLICY.workload(ENTRY, broken()),
        lambda: POLICY.agent(agent, broken()),
        lambda: POLICY.mint(broken()),
        lambda: POLICY.downstream_ca(broken()),
    ):
        with pytest.raises(InvalidArgument, match="failed to verify CSR signature"):
            check()


def test_foreign_and_path_less_ids_are_refused() -> None:
    with pytest.raises(InvalidArgument, match='is not a member of trust domain "example'):
        POLICY.workload(replace(ENTRY, spiffe_id=FOREIGN), PLAIN)
    with pytest.raises(InvalidArgument, match="is not a member"):
        POLICY.workload_jwt(replace(ENTRY, spiffe_id=FOREIGN), ["a"])
    with pytest.raises(InvalidArgument, match="is the ID of a trust domain"):
        POLICY.workload(replace(ENTRY, spiffe_id=SpiffeId(TrustDomain("example.org"), "")), PLAIN)


@pytest.mark.parametrize("path", ["/w", "/spire/server", "/spire/agent", "/spire/agents/x"])
def test_only_an_agent_gets_an_agents_svid(path: str) -> None:
    with pytest.raises(InvalidArgument, match="is not an agent"):
        POLICY.agent(SpiffeId(TrustDomain("example.org"), path), PLAIN)


MINT_FAULTS = {
    "no URI": ((), (), "CSR URI SAN is required"),
    "foreign": (
        (FOREIGN,), (),
        'CSR URI SAN is invalid: "spiffe://other.test/w" is not a member of trust domain "example.org"',
    ),
    "trust domain": (
        (SpiffeId(TrustDomain("example.org"), ""),), (),
        'CSR URI SAN is invalid: "spiffe://example.org" is not a workload in trust domain "example.org"; '
        "path is empty",
    ),
    "server": (
        (SpiffeId.parse("spiffe://example.org/spire/server"),), (),
        'CSR URI SAN is invalid: "spiffe://example.org/spire/server" is not a workload in trust domain '
        '"example.org"; path is in the reserved namespace',
    ),
    "agent": (
        (SpiffeId.parse("spiffe://example.org/spire/agent/x"),), (),
        'CSR URI SAN is invalid: "spiffe://example.org/spire/agent/x" is not a workload in trust domain '
        '"example.org"; path is in the reserved namespace',
    ),
    "DNS name": ((WORKLOAD,), ("a..b",), 'CSR DNS name is invalid: idna error\nidna: invalid label "a..b"'),
    "overlap": (
        (WORKLOAD,), ("*.a.test", "b.a.test"),
        'CSR DNS name contains a wildcard that covers another non-wildcard name: name "b.a.test" overlaps '
        "with an existing wildcard name in the list: wildcard overlap",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", MINT_FAULTS)
def test_what_is_not_minted(fault: str) -> None:
    ids, dns_names, why = MINT_FAULTS[fault]
    request = csr.parse(csr.create(KEY, ids[0] if ids else None, dns_names=dns_names))
    with pytest.raises(InvalidArgument) as caught:
        POLICY.mint(request)
    assert caught.value.message == why


def test_minted_names_are_those_of_the_csr() -> None:
    subject = Subject(countries=("DE",), organizations=("Own",))
    asked = csr.create(KEY, WORKLOAD, dns_names=("m.test", "m.test"), subject=subject)
    request = POLICY.mint(csr.parse(asked)).take()
    assert request.subject == replace(subject, common_name="m.test")
    assert request.dns_names == ("m.test", "m.test")


def test_first_dns_name_is_no_common_name_if_it_does_not_fit() -> None:
    name = "a" * 60 + ".test"
    assert POLICY.workload(replace(ENTRY, dns_names=(name,)), PLAIN).take().subject == SPIRE


def test_dns_name_that_cannot_be_encoded_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="not ASCII"):
        POLICY.workload(replace(ENTRY, dns_names=("ä",)), PLAIN)


class Renaming(CredentialComposer):
    """Says in the subject which hook ran, and for whom."""

    def server_x509_svid(self, attributes: X509SvidAttributes) -> X509SvidAttributes:
        return replace(attributes, subject=Subject(common_name="server"))

    def agent_x509_svid(
        self, agent_id: SpiffeId, public_key: bytes, attributes: X509SvidAttributes
    ) -> X509SvidAttributes:
        return replace(attributes, subject=Subject(common_name=f"agent {agent_id.path} {len(public_key)}"))

    def workload_x509_svid(
        self, spiffe_id: SpiffeId, public_key: bytes, attributes: X509SvidAttributes
    ) -> X509SvidAttributes:
        subject = Subject(common_name=f"{attributes.subject.common_name} {spiffe_id.path} {len(public_key)}")
        return X509SvidAttributes(
            subject, (*attributes.dns_names, "more.test"), (Extension("2.999.1", b"\x05\x00"),)
        )


def test_each_kind_of_svid_goes_through_its_own_hook() -> None:
    policy = replace(POLICY, composition=Composition({"renaming": Renaming()}))
    agent = SpiffeId.parse("spiffe://example.org/spire/agent/x")
    assert policy.server(PLAIN.public_key).take().subject == Subject(common_name="server")
    assert policy.agent(agent, PLAIN).take().subject == Subject(common_name="agent /spire/agent/x 91")
    for checked in (
        policy.workload(replace(ENTRY, dns_names=("a.test",)), PLAIN),
        policy.mint(csr.parse(csr.create(KEY, WORKLOAD, dns_names=("a.test",)))),
    ):
        request = checked.take()
        assert request.subject == Subject(common_name="a.test /w 91")
        assert request.dns_names == ("a.test", "more.test")
        assert request.extensions == (Extension("2.999.1", b"\x05\x00"),)
        assert (request.id, request.public_key, request.ttl) == (WORKLOAD, PLAIN.public_key, 3600)


def test_jwt_audience() -> None:
    assert POLICY.mint_jwt(WORKLOAD, ["b", "a", "a"]).take().audience == ("b", "a", "a")
    assert POLICY.mint_jwt(WORKLOAD, ["", "a"]).take().audience == ("a",)
    with pytest.raises(InvalidArgument, match="at least one audience is required"):
        POLICY.mint_jwt(WORKLOAD, [])
    with pytest.raises(Internal, match="invalid JWT-SVID audience: cannot be empty"):
        POLICY.mint_jwt(WORKLOAD, [""])


@pytest.mark.parametrize(
    ("spiffe_id", "why"),
    [(FOREIGN, "is not a member"), (SpiffeId(TrustDomain("example.org"), ""), "path is empty"),
     (SpiffeId.parse("spiffe://example.org/spire/x"), "reserved namespace")],
)  # fmt: skip
def test_jwt_is_minted_for_workloads_only(spiffe_id: SpiffeId, why: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^invalid SPIFFE ID: .*{why}"):
        POLICY.mint_jwt(spiffe_id, ["a"])


def test_jwt_key_type_follows_that_of_the_ca() -> None:
    assert replace(POLICY, ca_key_type=KeyType.RSA_2048).jwt_key is KeyType.RSA_2048
    assert replace(POLICY, jwt_key_type=KeyType.EC_P384).jwt_key is KeyType.EC_P384
