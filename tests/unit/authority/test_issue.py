"""Signing X.509: caps, chains, proof before return, and the recorded profiles."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from finial.authority.ca import X509Ca, from_upstream, key_usage, self_signed
from finial.authority.compose import Composition
from finial.authority.issue import Issuer
from finial.authority.policy import Policy
from finial.errors import Internal, Unavailable
from finial.plugin.kinds import KeyType, PrivateKey
from finial.plugins.compose.uniqueid import UniqueId
from finial.plugins.key.generation import generate
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle, BundleSet, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import csr
from finial.svid.subject import Subject
from finial.svid.verify import verify_x509
from finial.svid.x509 import parse
from finial.testing.ca import TestCa

NOW = datetime(2026, 11, 25, 12, 0, 0, 123_456, tzinfo=UTC)
DOMAIN = TrustDomain("example.org")
POLICY = Policy(trust_domain=DOMAIN)
KEY = ec.generate_private_key(ec.SECP256R1())
PLAIN = csr.parse(csr.create(KEY))
ENTRY = Entry("e", SpiffeId.parse("spiffe://example.org/plain"), SpiffeId.parse("spiffe://example.org/n"), ())
NAMED = replace(
    ENTRY,
    spiffe_id=SpiffeId.parse("spiffe://example.org/named"),
    dns_names=("b.test", "a.test"),
    x509_svid_ttl=300,
)


def issuer(policy: Policy = POLICY, key: PrivateKey = KEY) -> Issuer:
    return Issuer(self_signed(policy, key, NOW), policy)


def upstream_issuer() -> tuple[Issuer, TestCa]:
    root = TestCa("example.org", name="up", now=NOW)
    below = TestCa("example.org", name="sub", issuer=root, private_key=KEY, now=NOW)
    return Issuer(from_upstream(POLICY, KEY, [below.der], [root.der], NOW), POLICY), root


def test_workload_profile() -> None:
    """transcripts/certificates, default: workload SVID named."""
    svid = issuer().sign(POLICY.workload(NAMED, PLAIN), NOW)
    leaf = x509.load_der_x509_certificate(svid.chain[0])
    assert leaf.version is x509.Version.v3 and 0 < leaf.serial_number < 2**128
    assert Subject.of(leaf.subject) == Subject(("US",), ("SPIRE",), common_name="b.test")
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).total_seconds() == 310
    shapes = [(one.oid._name, one.critical) for one in leaf.extensions]
    assert shapes == [
        ("keyUsage", True), ("extendedKeyUsage", False), ("basicConstraints", True),
        ("subjectKeyIdentifier", False), ("authorityKeyIdentifier", False), ("subjectAltName", False),
    ]  # fmt: skip
    values = [one.value for one in leaf.extensions]
    assert values[0] == key_usage(digital_signature=True, key_encipherment=True, key_agreement=True)
    assert list(values[1]) == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    assert values[2] == x509.BasicConstraints(ca=False, path_length=None)
    assert [one.value for one in values[5]] == ["b.test", "a.test", "spiffe://example.org/named"]


def test_answer_is_what_a_reader_of_the_chain_finds() -> None:
    svid = issuer().sign(POLICY.workload(NAMED, PLAIN), NOW)
    assert parse(svid.chain) == svid


CONFIGURATIONS: dict[str, Policy] = {
    "default": POLICY,
    "rsa": Policy(
        trust_domain=DOMAIN,
        ca_key_type=KeyType.RSA_2048,
        ca_ttl=7200,
        ca_subject=Subject(("DE", "FR"), ("One", "Two"), common_name="Root"),
        x509_svid_ttl=1800,
        agent_ttl=1200,
    ),
    "p384": Policy(trust_domain=DOMAIN, ca_key_type=KeyType.EC_P384),
    "ttls longer than the CA": Policy(trust_domain=DOMAIN, ca_ttl=3600, x509_svid_ttl=7200, agent_ttl=10800),
    "uniqueid": Policy(trust_domain=DOMAIN, composition=Composition({"uniqueid": UniqueId()})),
}
# Lifetimes as recorded, seconds: CA, server, agent, workload without a TTL of its own.
LIFETIMES: dict[str, list[float]] = {
    "default": [86410, 3610, 3610, 3610],
    "rsa": [7210, 1810, 1210, 1810],
    "p384": [86410, 3610, 3610, 3610],
    "ttls longer than the CA": [3610, 3610, 3610, 3610],
    "uniqueid": [86410, 3610, 3610, 3610],
}
ALGORITHMS = {"rsa": "sha256WithRSAEncryption", "p384": "ecdsa-with-SHA384"}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_recorded_configurations(name: str) -> None:
    policy = CONFIGURATIONS[name]
    key = generate(policy.ca_key_type)
    made = issuer(policy, key)
    agent = SpiffeId.parse("spiffe://example.org/spire/agent/join_token/x")
    leaves = [
        made.sign(policy.server(PLAIN.public_key), NOW),
        made.sign(policy.agent(agent, PLAIN), NOW),
        made.sign(policy.workload(ENTRY, PLAIN), NOW),
    ]
    certificates = [made.ca.certificate, *(svid.chain[0] for svid in leaves)]
    read = [x509.load_der_x509_certificate(der) for der in certificates]
    lifetimes = [(one.not_valid_after_utc - one.not_valid_before_utc).total_seconds() for one in read]
    assert lifetimes == LIFETIMES[name]
    wanted = ALGORITHMS.get(name, "ecdsa-with-SHA256")
    assert {one.signature_algorithm_oid._name for one in read} == {wanted}
    assert [str(svid.id) for svid in leaves] == [
        "spiffe://example.org/spire/server",
        str(agent),
        str(ENTRY.spiffe_id),
    ]
    unique = "0ce2c23d73e6bbcd3710e6edbec7fe41"
    assert [Subject.of(one.subject) == Subject(("US",), ("SPIRE",)) for one in read[1:]] == [True] * 3
    assert (unique in repr(read[3].subject)) is bool(policy.composition)
    assert unique not in repr(read[1].subject) + repr(read[2].subject)


def test_nothing_outlives_its_signer() -> None:
    made = issuer()
    late = NOW + timedelta(hours=23, minutes=30)
    svid = made.sign(POLICY.workload(ENTRY, PLAIN), late)
    assert svid.not_after == made.ca.not_after
    chain = made.sign_downstream(POLICY.downstream_ca(PLAIN, 10**9), late)
    assert x509.load_der_x509_certificate(chain[0]).not_valid_after_utc == made.ca.not_after


def test_an_expired_ca_signs_nothing() -> None:
    made, late = issuer(), NOW + timedelta(hours=24)
    with pytest.raises(Internal, match=r"X\.509 CA expired at"):
        made.sign(POLICY.workload(ENTRY, PLAIN), late)
    with pytest.raises(Internal, match=r"X\.509 CA expired at"):
        made.sign_downstream(POLICY.downstream_ca(PLAIN), late)


def test_a_ca_from_the_future_signs_nothing() -> None:
    """Not one of many, but each: no verifier of this moment would take any of them."""
    one = issuer()
    begins = NOW.replace(microsecond=0) - timedelta(seconds=10)
    for _ in range(2):
        with pytest.raises(Unavailable, match="X.509 CA is not valid before 2026-11-25T11:59:50Z") as refused:
            one.sign(POLICY.workload(ENTRY, PLAIN), begins - timedelta(microseconds=1))
        assert "clock" in (refused.value.hint or "")
        with pytest.raises(Unavailable, match="X.509 CA is not valid before"):
            one.sign_downstream(POLICY.downstream_ca(PLAIN), begins - timedelta(seconds=1))
    one.sign(POLICY.workload(ENTRY, PLAIN), begins)


def test_a_check_is_used_up_by_signing() -> None:
    checked = POLICY.workload(ENTRY, PLAIN)
    made = issuer()
    made.sign(checked, NOW)
    with pytest.raises(Internal, match="used twice"):
        made.sign(checked, NOW)


def test_chain_below_an_upstream_authority() -> None:
    made, root = upstream_issuer()
    svid = made.sign(POLICY.workload(ENTRY, PLAIN), NOW)
    assert svid.chain[1:] == made.ca.upstream_chain and len(svid.chain) == 2
    trust = BundleSet.of(Bundle(DOMAIN, (X509Authority(root.der),)))
    assert verify_x509(svid.chain, trust, NOW) == svid


def test_downstream_ca_profile() -> None:
    made = issuer()
    chain = made.sign_downstream(POLICY.downstream_ca(PLAIN), NOW)
    certificate = x509.load_der_x509_certificate(chain[0])
    assert len(chain) == 1
    parent = Subject.of(made.ca.read.parsed.subject)
    assert Subject.of(certificate.subject) == replace(parent, units=("DOWNSTREAM-1",))
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    identifier = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert identifier.key_identifier == made.ca.read.subject_key_id


def test_svid_of_a_downstream_server_verifies_against_our_root() -> None:
    made = issuer()
    key = ec.generate_private_key(ec.SECP256R1())
    chain = made.sign_downstream(POLICY.downstream_ca(csr.parse(csr.create(key))), NOW)
    below = Issuer(from_upstream(POLICY, key, chain, [made.ca.certificate], NOW), POLICY)
    svid = below.sign(POLICY.workload(ENTRY, PLAIN), NOW)
    trust = BundleSet.of(Bundle(DOMAIN, (X509Authority(made.ca.certificate),)))
    assert verify_x509(svid.chain, trust, NOW) == svid
    third = below.sign_downstream(POLICY.downstream_ca(PLAIN), NOW)
    assert Subject.of(x509.load_der_x509_certificate(third[0]).subject).units == ("DOWNSTREAM-1",)


def test_a_batch_keeps_its_order_and_threads_may_share_an_issuer() -> None:
    made = issuer()
    entries = [replace(ENTRY, spiffe_id=SpiffeId(DOMAIN, f"/w/{index}")) for index in range(64)]

    def batch(part: list[Entry]) -> list[str]:
        signed = made.sign_workloads([POLICY.workload(one, PLAIN) for one in part], NOW)
        return [str(svid.id) for svid in signed]

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(batch, [entries[start::4] for start in range(4)]))
    assert done == [[str(one.spiffe_id) for one in entries[start::4]] for start in range(4)]


def test_a_wrong_result_does_not_leave() -> None:
    """A CA whose key is not that of its certificate: the first signature is proven, and is not good."""
    good = self_signed(POLICY, KEY, NOW)
    broken = Issuer(X509Ca(good.certificate, ec.generate_private_key(ec.SECP256R1())), POLICY)
    with pytest.raises(Internal, match=r"issued X\.509-SVID is not valid"):
        broken.sign(POLICY.workload(ENTRY, PLAIN), NOW)
