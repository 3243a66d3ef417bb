"""Composers: in order, judged after each, and unable to make a credential what it must not be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from finial.authority.ca import self_signed, upstream_request
from finial.authority.compose import PROFILE, Composition
from finial.authority.issue import Issuer
from finial.authority.jwt import JwtIssuer, JwtKey
from finial.authority.policy import Policy
from finial.errors import FinialError, Internal, PermissionDenied
from finial.plugin.kinds import (
    CredentialComposer,
    Extension,
    JwtSvidAttributes,
    X509CaAttributes,
    X509SvidAttributes,
)
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import csr
from finial.svid.subject import SPIRE, Subject

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
UNIX = int(NOW.timestamp())
POLICY = Policy(trust_domain=TrustDomain("example.org"))
KEY = ec.generate_private_key(ec.SECP256R1())
CSR = csr.parse(csr.create(KEY))
ENTRY = Entry("e", SpiffeId.parse("spiffe://example.org/w"), SpiffeId.parse("spiffe://example.org/n"), ())
NULL = b"\x05\x00"


class Fixed(CredentialComposer):
    """Answers what it was made with, to each hook for X.509."""

    def __init__(self, svid: X509SvidAttributes | None = None, ca: X509CaAttributes | None = None) -> None:
        self._svid, self._ca = svid, ca

    def server_x509_ca(self, attributes: X509CaAttributes) -> X509CaAttributes:
        return self._ca or attributes

    def workload_x509_svid(
        self, spiffe_id: SpiffeId, public_key: bytes, attributes: X509SvidAttributes
    ) -> X509SvidAttributes:
        return self._svid or attributes


class Claims(CredentialComposer):
    """Adds claims and takes some away."""

    def __init__(self, added: Mapping[str, object], dropped: tuple[str, ...] = ()) -> None:
        self._added, self._dropped = added, dropped

    def workload_jwt_svid(self, spiffe_id: SpiffeId, attributes: JwtSvidAttributes) -> JwtSvidAttributes:
        kept = {name: value for name, value in attributes.claims.items() if name not in self._dropped}
        return JwtSvidAttributes(kept | dict(self._added))


class Signing(CredentialComposer):
    """Adds its name to the common name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def workload_x509_svid(
        self, spiffe_id: SpiffeId, public_key: bytes, attributes: X509SvidAttributes
    ) -> X509SvidAttributes:
        common_name = attributes.subject.common_name + self._name
        return replace(attributes, subject=replace(attributes.subject, common_name=common_name))


def with_composers(*composers: CredentialComposer) -> Policy:
    named = {f"c{number}": one for number, one in enumerate(composers)}
    return replace(POLICY, composition=Composition(named))


def leaf(policy: Policy) -> x509.Certificate:
    issuer = Issuer(self_signed(POLICY, KEY, NOW), policy)
    return x509.load_der_x509_certificate(issuer.sign(policy.workload(ENTRY, CSR), NOW).chain[0])


def token(policy: Policy, *, key_lives: int = 3600) -> dict[str, object]:
    key = JwtKey("kid", KEY, NOW + timedelta(seconds=key_lives))
    return JwtIssuer(key, policy).sign(policy.workload_jwt(ENTRY, ["a"]), NOW).claims


def test_composers_are_asked_in_their_order_and_see_what_the_one_before_made() -> None:
    fixed = Fixed(X509SvidAttributes(Subject(common_name="fixed")))
    orders: list[tuple[list[CredentialComposer], str]] = [
        ([Signing("1"), Signing("2")], "12"),
        ([fixed, Signing("1")], "fixed1"),
        ([Signing("1"), fixed], "fixed"),
    ]
    for composers, wanted in orders:
        assert Subject.of(leaf(with_composers(*composers)).subject).common_name == wanted


def test_an_svid_takes_subject_names_and_extensions_from_its_composer() -> None:
    added = Extension("1.3.6.1.4.1.99999.1", NULL)
    made = leaf(with_composers(Fixed(X509SvidAttributes(Subject(("DE",)), ("a.test",), (added,)))))
    assert Subject.of(made.subject) == Subject(("DE",))
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [one.value for one in names] == ["a.test", "spiffe://example.org/w"]
    last = list(made.extensions)[-1]
    assert (last.oid.dotted_string, last.critical) == (added.oid, False)


@pytest.mark.parametrize("oid", sorted(PROFILE))
def test_no_extension_of_the_profile_can_be_set(oid: str) -> None:
    """With them a composer could name another SPIFFE ID or make the leaf a CA."""
    policy = with_composers(Fixed(X509SvidAttributes(SPIRE, (), (Extension(oid, NULL),))))
    with pytest.raises(
        Internal, match=rf'^credentialcomposer\(c0\): plugin returned invalid .*"{oid}" is not for'
    ):
        policy.workload(ENTRY, CSR)


BAD_SVIDS = {
    "no subject": (X509SvidAttributes(Subject()), "subject: cannot be empty"),
    "subject that cannot be encoded": (X509SvidAttributes(Subject(("DEU",))), '"DEU" is invalid'),
    "attribute without an OID": (X509SvidAttributes(Subject(more=(("x", "y"),))), '"x" is no object identifier'),
    "DNS name": (X509SvidAttributes(SPIRE, ("a..b",)), 'invalid label "a..b"'),
    "extension twice": (X509SvidAttributes(SPIRE, (), (Extension("2.999", NULL),) * 2), "set twice"),
    "extension without an OID": (X509SvidAttributes(SPIRE, (), (Extension("9.9", NULL),)), 'invalid OID "9.9"'),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD_SVIDS)
def test_attributes_that_no_svid_can_have_are_refused(fault: str) -> None:
    attributes, why = BAD_SVIDS[fault]
    with pytest.raises(Internal, match="plugin returned invalid X509SVID attributes: ") as caught:
        with_composers(Fixed(attributes)).workload(ENTRY, CSR)
    assert why in caught.value.message


def test_what_a_verifier_refuses_does_not_leave() -> None:
    """A critical extension that nobody knows."""
    unknown = Extension("1.3.6.1.4.1.99999.1", NULL, critical=True)
    with pytest.raises(Internal, match=r"issued X\.509-SVID is not valid"):
        leaf(with_composers(Fixed(X509SvidAttributes(SPIRE, (), (unknown,)))))


def test_a_ca_takes_subject_policies_and_extensions() -> None:
    added = Extension("1.3.6.1.4.1.99999.1", NULL)
    policy = with_composers(Fixed(ca=X509CaAttributes(Subject(("DE",)), ("2.999.1",), (added,))))
    issuer = Issuer(self_signed(policy, KEY, NOW), policy)
    below = issuer.sign_downstream(policy.downstream_ca(CSR), NOW)[0]
    for der in (issuer.ca.certificate, below):
        made = x509.load_der_x509_certificate(der)
        assert Subject.of(made.subject) == Subject(("DE",))
        assert [one.oid.dotted_string for one in made.extensions][-3:] == [
            "2.5.29.17",
            "2.5.29.32",
            added.oid,
        ]
        policies = made.extensions.get_extension_for_class(x509.CertificatePolicies).value
        assert [one.policy_identifier.dotted_string for one in policies] == ["2.999.1"]
    request = x509.load_der_x509_csr(upstream_request(policy, KEY))
    assert [one.oid.dotted_string for one in request.extensions] == ["2.5.29.17", added.oid]


@pytest.mark.parametrize(
    "attributes",
    [
        X509CaAttributes(Subject()),
        X509CaAttributes(SPIRE, ("x",)),
        X509CaAttributes(SPIRE, ("2.999",), (Extension("2.5.29.32", NULL),)),
        X509CaAttributes(SPIRE, (), (Extension("2.5.29.19", NULL),)),
    ],
    ids=["no subject", "policy without an OID", "policies twice", "basic constraints"],
)
def test_attributes_that_no_ca_can_have_are_refused(attributes: X509CaAttributes) -> None:
    with pytest.raises(
        Internal, match=r"^credentialcomposer\(c0\): plugin returned invalid X509CA attributes: "
    ):
        self_signed(with_composers(Fixed(ca=attributes)), KEY, NOW)


def test_claims_are_added_and_changed() -> None:
    claims = token(with_composers(Claims({"team": {"name": "a"}, "aud": "b", "exp": UNIX + 30})))
    wanted = {
        "aud": ["b"],
        "exp": UNIX + 30,
        "iat": UNIX,
        "sub": "spiffe://example.org/w",
        "team": {"name": "a"},
    }
    assert claims == wanted and list(claims) == sorted(claims)


def test_an_issuer_may_be_dropped() -> None:
    policy = replace(with_composers(Claims({}, ("iss",))), jwt_issuer="https://issuer.test")
    assert "iss" not in token(policy)


@pytest.mark.parametrize("name", ["sub", "exp", "aud", "iat"])
def test_reserved_claims_cannot_be_dropped(name: str) -> None:
    with pytest.raises(Internal, match=rf'plugin returned invalid JWT-SVID "{name}" claim: '):
        token(with_composers(Claims({}, (name,))))


BAD_CLAIMS: dict[str, tuple[dict[str, object], str]] = {
    "another subject": (
        {"sub": "spiffe://example.org/other"},
        'invalid JWT-SVID "sub" claim: expected "spiffe://example.org/w" but got "spiffe://example.org/other"',
    ),
    "outlives its key": ({"exp": UNIX + 3601}, 'invalid JWT-SVID "exp" claim: later than the end of the key'),
    "expired": ({"exp": UNIX}, 'invalid JWT-SVID "exp" claim: already expired'),
    "expiry is a text": ({"exp": "tomorrow"}, 'invalid JWT-SVID "exp" claim: not a number'),
    "expiry is a truth value": ({"exp": True}, 'invalid JWT-SVID "exp" claim: not a number'),
    "valid later": ({"nbf": UNIX + 1}, 'invalid JWT-SVID "nbf" claim: not yet valid'),
    "nobody's": ({"aud": []}, 'invalid JWT-SVID "aud" claim: required but missing'),
    "empty audience": ({"aud": ["a", ""]}, 'invalid JWT-SVID "aud" claim: contains empty value'),
    "not JSON": ({"x": object()}, "invalid JWT-SVID claims: not JSON"),
    "not a number": ({"x": float("nan")}, "invalid JWT-SVID claims: not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD_CLAIMS)
def test_claims_that_no_token_can_have_are_refused(fault: str) -> None:
    added, why = BAD_CLAIMS[fault]
    with pytest.raises(Internal) as caught:
        token(with_composers(Claims(added)))
    assert caught.value.message.startswith(f"credentialcomposer(c0): plugin returned {why}")


def test_what_a_composer_raises_is_told_with_its_name() -> None:
    class Refusing(CredentialComposer):
        def workload_jwt_svid(self, spiffe_id: SpiffeId, attributes: JwtSvidAttributes) -> JwtSvidAttributes:
            raise PermissionDenied("not today")

    with pytest.raises(FinialError) as caught:
        token(with_composers(Refusing()))
    assert isinstance(caught.value, PermissionDenied)
    assert caught.value.message == "credentialcomposer(c0): not today"


def test_a_composer_cannot_change_the_claims_it_was_shown() -> None:
    """What it does not return has no effect."""

    class Meddling(CredentialComposer):
        def workload_jwt_svid(self, spiffe_id: SpiffeId, attributes: JwtSvidAttributes) -> JwtSvidAttributes:
            before = JwtSvidAttributes(dict(attributes.claims))
            attributes.claims.clear()  # type: ignore[attr-defined]  # against its type
            return before

    assert token(with_composers(Meddling()))["sub"] == "spiffe://example.org/w"
