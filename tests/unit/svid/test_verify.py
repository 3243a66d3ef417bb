"""Which chains a bundle vouches for: good ones of every shape, and each way to cheat."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from finial.errors import InvalidArgument, Unauthenticated
from finial.spiffe.bundle import Bundle, BundleSet, X509Authority
from finial.spiffe.bundle_document import parse_pem
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.verify import verify_x509
from finial.testing.ca import BOTH_ROLES, TestCa

CA = TestCa()
NOW = CA.now


def trusting(*roots: bytes, domain: str = "example.org") -> BundleSet:
    return BundleSet.of(Bundle(TrustDomain(domain), tuple(X509Authority(root) for root in roots)))


def accepted(chain: tuple[bytes, ...], bundles: BundleSet, now: datetime = NOW) -> None:
    assert verify_x509(chain, bundles, now).chain == chain


def refused(chain: tuple[bytes, ...], bundles: BundleSet, why: str, now: datetime = NOW) -> None:
    with pytest.raises(Unauthenticated, match=why):
        verify_x509(chain, bundles, now)


def test_leaf_of_a_root() -> None:
    issued = CA.leaf()
    svid = verify_x509(issued.chain, trusting(CA.der), NOW)
    assert str(svid.id) == "spiffe://example.org/workload" and svid.chain == issued.chain


def test_any_root_of_the_bundle_may_vouch() -> None:
    accepted(CA.leaf().chain, trusting(TestCa().der, CA.der))


def test_a_root_that_cannot_be_read_does_not_spoil_the_others() -> None:
    accepted(CA.leaf().chain, trusting(b"nope", CA.der))
    refused(CA.leaf().chain, trusting(b"nope"), "no usable root")


def test_a_tainted_root_still_vouches() -> None:
    bundle = Bundle(TrustDomain("example.org"), (X509Authority(CA.der, tainted=True),))
    accepted(CA.leaf().chain, BundleSet.of(bundle))


def test_chain_over_intermediates_in_any_order() -> None:
    chain = CA.intermediate("one").intermediate("two").leaf().chain
    accepted(chain, trusting(CA.der))
    accepted((chain[0], chain[2], chain[1]), trusting(CA.der))


def test_an_intermediate_may_be_the_anchor() -> None:
    """A partial chain: the bundle holds what signed the leaf, not what signed that."""
    below = CA.intermediate()
    accepted(below.leaf().chain, trusting(below.der))
    accepted(below.leaf().chain[:1], trusting(below.der))


def test_cross_signed_intermediate_reaches_the_root_that_is_known() -> None:
    """Two certificates of one CA key, by two roots: the dead end is left again."""
    other = TestCa(name="other root")
    key = ec.generate_private_key(ec.SECP256R1())
    here = TestCa(name="sub", issuer=CA, private_key=key, now=NOW)
    there = TestCa(name="sub", issuer=other, private_key=key, now=NOW)
    leaf = here.leaf().chain[0]
    accepted((leaf, there.der, here.der), trusting(CA.der))
    accepted((leaf, there.der, here.der), trusting(other.der))


def test_unknown_root_is_refused() -> None:
    refused(CA.leaf().chain, trusting(TestCa().der), "signed by unknown authority")


def test_presented_root_is_not_trusted_for_being_there() -> None:
    refused((*CA.leaf().chain, CA.der), trusting(TestCa(name="else").der), "unknown authority")


def test_copied_name_and_key_identifier_do_not_make_an_issuer() -> None:
    copy = TestCa(subject_key_id=CA.subject_key_id, now=NOW)
    refused(copy.leaf().chain, trusting(CA.der), "unknown authority")


def test_only_the_bundle_of_the_leafs_own_trust_domain_counts() -> None:
    foreign = TestCa("other.test")
    bundles = BundleSet.of(
        Bundle(TrustDomain("example.org"), (X509Authority(CA.der),)),
        Bundle(TrustDomain("other.test"), (X509Authority(foreign.der),)),
    )
    accepted(foreign.leaf().chain, bundles)
    refused(foreign.leaf(uris=["spiffe://example.org/workload"]).chain, bundles, "unknown authority")
    refused(foreign.leaf().chain, trusting(CA.der), 'no bundle for trust domain "other.test"')


@pytest.mark.parametrize(
    ("moment", "why"),
    [(timedelta(hours=1, seconds=2), "expired at"), (timedelta(hours=-2), "not valid before")],
    ids=["late", "early"],
)
def test_time_is_that_of_the_caller(moment: timedelta, why: str) -> None:
    refused(CA.leaf().chain, trusting(CA.der), why, NOW + moment)


def test_expired_issuers_are_refused() -> None:
    short = TestCa(lifetime=timedelta(minutes=1), now=NOW)
    late = NOW + timedelta(minutes=2)
    refused(short.leaf().chain, trusting(short.der), "expired at", late)
    below = TestCa(name="sub", issuer=CA, lifetime=timedelta(minutes=1), now=NOW)
    refused(below.leaf().chain, trusting(CA.der), "expired at", late)


def test_a_leaf_cannot_sign_another_leaf() -> None:
    leaf = CA.leaf(key_cert_sign=False)
    signer = TestCa(private_key=leaf.private_key, now=NOW)
    signer.subject = x509.load_der_x509_certificate(leaf.chain[0]).subject
    forged = signer.leaf("/admin").chain[0]
    refused((forged, *leaf.chain), trusting(CA.der), "may not sign certificates")


CA_FLAG = x509.BasicConstraints(ca=True, path_length=None)
CERT_SIGN = x509.KeyUsage(False, False, False, False, False, True, False, False, False)
CRL_SIGN = x509.KeyUsage(False, False, False, False, False, False, True, False, False)


def issuer_below(above: TestCa, name: str, *extensions: x509.ExtensionType) -> TestCa:
    """An intermediate that has exactly these extensions."""
    below = TestCa(name=name, issuer=above, now=NOW)
    key, hour = below.private_key.public_key(), timedelta(hours=1)
    builder = x509.CertificateBuilder(above.subject, below.subject, key, 7, NOW - hour, NOW + hour)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    below.certificate = builder.sign(above.private_key, hashes.SHA256())
    below.der = below.certificate.public_bytes(Encoding.DER)
    return below


def signed_below(*extensions: x509.ExtensionType) -> tuple[bytes, ...]:
    """A leaf of such an intermediate."""
    return issuer_below(CA, "sub", *extensions).leaf().chain


def uri(text: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(text)])


def names(*, permitted: str = "", excluded: str = "") -> x509.NameConstraints:
    return x509.NameConstraints(
        [x509.UniformResourceIdentifier(permitted)] if permitted else None,
        [x509.UniformResourceIdentifier(excluded)] if excluded else None,
    )


GOOD_ISSUERS = {
    "plain": (CA_FLAG, CERT_SIGN),
    "path-less ID": (CA_FLAG, CERT_SIGN, uri("spiffe://example.org")),
    "other URI": (CA_FLAG, CERT_SIGN, uri("https://ca.test/path")),
    "name permitted": (CA_FLAG, CERT_SIGN, names(permitted="example.org")),
    "another excluded": (CA_FLAG, CERT_SIGN, names(excluded="other.test")),
}
BAD_ISSUERS = {
    "no CA flag": ((CERT_SIGN,), "may not sign"),
    "CA flag false": ((x509.BasicConstraints(ca=False, path_length=None), CERT_SIGN), "may not sign"),
    "no key usage": ((CA_FLAG,), "may not sign"),
    "cRLSign only": ((CA_FLAG, CRL_SIGN), "may not sign"),
    "ID with a path": ((CA_FLAG, CERT_SIGN, uri("spiffe://example.org/ca")), "SPIFFE ID with a path"),
    "malformed ID": ((CA_FLAG, CERT_SIGN, uri("spiffe://example.org//")), "SPIFFE ID with a path"),
    "name excluded": ((CA_FLAG, CERT_SIGN, names(excluded="example.org")), "name constraints"),
    "other name permitted": ((CA_FLAG, CERT_SIGN, names(permitted="other.test")), "name constraints"),
    "below only": ((CA_FLAG, CERT_SIGN, names(permitted=".example.org")), "name constraints"),
    "constraint of another kind": (
        (CA_FLAG, CERT_SIGN, x509.NameConstraints([x509.RFC822Name("a.test")], None)),
        "name constraints",
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", GOOD_ISSUERS)
def test_issuer_is_accepted(shape: str) -> None:
    accepted(signed_below(*GOOD_ISSUERS[shape]), trusting(CA.der))


@pytest.mark.parametrize("fault", BAD_ISSUERS)
def test_issuer_is_refused(fault: str) -> None:
    extensions, why = BAD_ISSUERS[fault]
    refused(signed_below(*extensions), trusting(CA.der), why)


@pytest.mark.parametrize("odd", ["x://[a", "x://10.0.0.1/a", "x://[::1]/a", "x:a", "/a"])
@pytest.mark.parametrize("limits", [{"excluded": "other.test"}, {"permitted": "example.org"}])
def test_a_uri_without_a_host_name_is_outside_of_constraints_on_hosts(
    odd: str, limits: dict[str, str]
) -> None:
    """Before any signature is looked at: whoever connects can send such a chain. Go refuses it, too."""
    narrow = issuer_below(TestCa(name="nobody's", now=NOW), "narrow", CA_FLAG, CERT_SIGN, names(**limits))
    chain = issuer_below(narrow, "odd", CA_FLAG, CERT_SIGN, uri(odd)).leaf().chain
    refused(chain, trusting(CA.der), "unknown authority|name constraints")
    vouched = issuer_below(CA, "narrow", CA_FLAG, CERT_SIGN, names(**limits))
    refused(
        issuer_below(vouched, "odd", CA_FLAG, CERT_SIGN, uri(odd)).leaf().chain,
        trusting(CA.der),
        "name constraints",
    )


def test_path_length_counts_the_cas_below() -> None:
    root = TestCa(path_length=1, now=NOW)
    accepted(root.intermediate("one").leaf().chain, trusting(root.der))
    too_deep = root.intermediate("one").intermediate("two").leaf().chain
    refused(too_deep, trusting(root.der), "path length")
    last = TestCa(path_length=0, now=NOW)
    accepted(last.leaf().chain, trusting(last.der))
    refused(last.intermediate().leaf().chain, trusting(last.der), "path length")


def test_key_identifier_of_another_issuer_is_refused() -> None:
    """The name fits and the identifier does not: not even tried."""
    twin = TestCa(private_key=CA.private_key, subject_key_id=b"\x01" * 20, now=NOW)
    refused(twin.leaf().chain, trusting(CA.der), "unknown authority")


def test_weak_hash_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    hour = timedelta(hours=1)
    leaf = (
        x509.CertificateBuilder(CA.subject, x509.Name([]), key.public_key(), 7, NOW - hour, NOW + hour)
        .add_extension(uri("spiffe://example.org/w"), critical=False)
        .add_extension(x509.KeyUsage(True, *[False] * 8), critical=True)
        .add_extension(x509.ExtendedKeyUsage(BOTH_ROLES), critical=False)
        .sign(CA.private_key, hashes.SHA224())
        .public_bytes(Encoding.DER)
    )
    refused((leaf,), trusting(CA.der), "signature algorithm is not allowed")


def test_flipped_bit_in_the_leaf_is_refused() -> None:
    leaf = bytearray(CA.leaf().chain[0])
    leaf[-1] ^= 1
    refused((bytes(leaf),), trusting(CA.der), "unknown authority")


def test_work_on_a_hostile_chain_is_bounded() -> None:
    """Seven CAs with one name and one identifier, each of which could have signed each other."""
    name, identifier = "maze", b"\x07" * 20
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(7)]
    maze = [TestCa(name=name, private_key=key, subject_key_id=identifier, now=NOW) for key in keys]
    shared = maze[0].private_key
    woven = [TestCa(name=name, private_key=shared, subject_key_id=identifier, now=NOW) for _ in range(7)]
    leaf = woven[0].leaf().chain[0]
    refused((leaf, *(one.der for one in woven)), trusting(CA.der), "too many possible chains")
    refused((leaf, *(one.der for one in maze)), trusting(CA.der), "unknown authority")


def test_unreadable_intermediate_is_named() -> None:
    with pytest.raises(InvalidArgument, match=r"^x509-svid: intermediate: "):
        verify_x509((*CA.leaf().chain, b"nope"), trusting(CA.der), NOW)


def test_intermediate_with_an_unreadable_name_is_refused_as_such() -> None:
    """pyca reads names late: they are read before anybody compares them."""
    chain = CA.intermediate().leaf().chain
    broken = bytearray(chain[1])
    broken[107] = 0
    with pytest.raises((InvalidArgument, Unauthenticated)):
        verify_x509((chain[0], bytes(broken)), trusting(CA.der), NOW)


def test_revoked_root_ends_trust_at_once_though_the_peer_brings_the_chain() -> None:
    chain = (*CA.intermediate().leaf().chain, CA.der)
    accepted(chain, trusting(CA.der))
    refused(chain, trusting(TestCa(name="new root").der), "unknown authority")


def test_chain_of_a_stock_server() -> None:
    vectors = Path(__file__).parents[2] / "vectors" / "svid"
    text = (vectors / "stock-minted-leaf-and-root.txt").read_bytes()
    leaf, root = parse_pem(text, TrustDomain("example.org")).x509_roots
    moment = x509.load_der_x509_certificate(leaf).not_valid_before_utc
    accepted((leaf,), trusting(root), moment)
    refused((leaf,), trusting(root), "expired at", moment + timedelta(seconds=311))
