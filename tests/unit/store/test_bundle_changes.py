from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from finial.errors import FailedPrecondition, FinialError, InvalidArgument, NotFound
from finial.spiffe.bundle import Bundle, JwtAuthority, X509Authority
from finial.spiffe.trust_domain import TrustDomain
from finial.store import bundle_changes

A = TrustDomain("a.test")
START = datetime(2026, 1, 1, tzinfo=UTC)


def certificate(days: int, *, identified: bool = True) -> X509Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=days))
    )
    if identified:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    return X509Authority(builder.sign(key, SHA256()).public_bytes(Encoding.DER))


OLD, NEW, BARE = certificate(1), certificate(10), certificate(10, identified=False)
OLD_KEY, NEW_KEY = JwtAuthority("old", b"o", int(START.timestamp())), JwtAuthority("new", b"n", 4102444800)
BUNDLE = Bundle(A, (OLD, NEW, BARE), (OLD_KEY, NEW_KEY), sequence_number=5)
OLD_ID = bundle_changes.subject_key_id(OLD.der)


def test_taint_marks_the_one_and_counts() -> None:
    tainted = bundle_changes.taint_x509(BUNDLE, OLD_ID)
    assert [one.tainted for one in tainted.x509_authorities] == [True, False, False]
    assert tainted.sequence_number == 6
    tainted = bundle_changes.taint_jwt(BUNDLE, "old")
    assert [one.tainted for one in tainted.jwt_authorities] == [True, False]
    assert tainted.sequence_number == 6


def test_revoke_removes_what_is_tainted() -> None:
    tainted = bundle_changes.taint_jwt(bundle_changes.taint_x509(BUNDLE, OLD_ID), "old")
    revoked = bundle_changes.revoke_jwt(bundle_changes.revoke_x509(tainted, OLD_ID), "old")
    assert revoked == Bundle(A, (NEW, BARE), (NEW_KEY,), sequence_number=9)


@pytest.mark.parametrize(
    ("change", "name", "kind", "message"),
    [
        (bundle_changes.taint_x509, "00", NotFound, "no ca found with provided subject key ID"),
        (bundle_changes.revoke_x509, "00", NotFound, "no root CA found with provided subject key ID"),
        (bundle_changes.taint_jwt, "no", NotFound, "no JWT Key found with provided key ID"),
        (bundle_changes.revoke_jwt, "no", NotFound, "no JWT Key found with provided key ID"),
        (
            bundle_changes.revoke_x509,
            OLD_ID,
            InvalidArgument,
            "it is not possible to revoke an untainted root CA",
        ),
        (bundle_changes.revoke_jwt, "old", InvalidArgument, "it is not possible to revoke an untainted key"),
    ],
    ids=range(6),  # key IDs are made at run time: workers must agree on the names
)
def test_refuses_in_spires_words(change, name: str, kind: type[FinialError], message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(kind) as caught:
        change(BUNDLE, name)
    assert str(caught.value) == message


def test_refuses_to_taint_twice() -> None:
    with pytest.raises(InvalidArgument, match="root CA is already tainted"):
        bundle_changes.taint_x509(bundle_changes.taint_x509(BUNDLE, OLD_ID), OLD_ID)
    with pytest.raises(InvalidArgument, match="key is already tainted"):
        bundle_changes.taint_jwt(bundle_changes.taint_jwt(BUNDLE, "old"), "old")


def test_prune_removes_what_expired_and_counts() -> None:
    left = bundle_changes.pruned(BUNDLE, int((START + timedelta(days=1)).timestamp()))
    assert left == Bundle(A, (NEW, BARE), (NEW_KEY,), sequence_number=6)
    assert bundle_changes.pruned(left, int((START + timedelta(days=2)).timestamp())) is left


def test_prune_rather_fails_than_leaves_nothing() -> None:
    late = int((START + timedelta(days=10)).timestamp())
    with pytest.raises(FailedPrecondition, match="would prune all certificates"):
        bundle_changes.pruned(BUNDLE, late)
    with pytest.raises(FailedPrecondition, match="would prune all JWT signing keys"):
        bundle_changes.pruned(Bundle(A, (NEW,), (OLD_KEY,)), late - 1)
    with pytest.raises(FailedPrecondition, match="would prune all WIT signing keys"):
        bundle_changes.pruned(Bundle(A, (NEW,), (), (OLD_KEY,)), late - 1)
