"""SPIRE's protobuf columns, byte for byte."""

from __future__ import annotations

import pytest

from finial.authority.journal import Journal, JwtKeyRecord, Status, X509CaRecord
from finial.errors import Internal
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle, JwtAuthority, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.convert.stored import (
    attributes_from_stored,
    attributes_to_stored,
    bundle_from_stored,
    bundle_to_stored,
    journal_from_stored,
    journal_to_stored,
)

DER = bytes.fromhex("30020500")


def entry(*, prefetch_off: bool = False, jti: bool = False) -> Entry:
    return Entry(
        id="e1",
        spiffe_id=SpiffeId.parse("spiffe://example.org/web"),
        parent_id=SpiffeId.parse("spiffe://example.org/node"),
        selectors=(),
        disable_x509_svid_prefetch=prefetch_off,
        jwt_svid_include_jti=jti,
    )


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (entry(), None),
        (entry(prefetch_off=True), "0801"),
        (entry(jti=True), "1001"),
        (entry(prefetch_off=True, jti=True), "08011001"),
    ],
)
def test_attributes_are_spires_bytes(value: Entry, data: str | None) -> None:
    expected = None if data is None else bytes.fromhex(data)
    assert attributes_to_stored(value) == expected
    found = attributes_from_stored(expected)
    assert found == (value.disable_x509_svid_prefetch, value.jwt_svid_include_jti)


def test_bundle_is_spires_bytes() -> None:
    bundle = Bundle(
        TrustDomain.parse("a.test"),
        (X509Authority(DER), X509Authority(DER, tainted=True)),
        (JwtAuthority("k1", b"\x01", 300, tainted=True),),
        (JwtAuthority("k2", b"\x02"),),
        refresh_hint=60,
        sequence_number=7,
    )
    data = bytes.fromhex(
        "0a0f" + b"spiffe://a.test".hex()  # 1 trust_domain_id
        + "1206" + "0a0430020500"  # 2 root_cas
        + "1208" + "0a0430020500" + "1001"
        + "1a0c" + "0a0101" + "12026b31" + "18ac02" + "2001"  # 3 jwt_signing_keys
        + "203c"  # 4 refresh_hint
        + "2807"  # 5 sequence_number
        + "3207" + "0a0102" + "12026b32"  # 6 wit_signing_keys
    )  # fmt: skip
    assert bundle_to_stored(bundle) == data
    assert bundle_from_stored(data) == bundle


def test_certificates_on_end_become_authorities_of_their_own() -> None:
    joined = bytes.fromhex("0a0f" + b"spiffe://a.test".hex() + "120a" + "0a0830020500" + "30020501")
    assert bundle_from_stored(joined).x509_roots == (DER, bytes.fromhex("30020501"))


def test_journal_is_spires_bytes() -> None:
    journal = Journal(
        (X509CaRecord("A", 1, 2, b"\x03", (b"\x04", b"\x05"), Status.ACTIVE, "aa", "bb"),),
        (JwtKeyRecord("B", 1, 2, "k", b"\x03", Status.PREPARED, "cc"),),
        (JwtKeyRecord("A", 1, 2, "w", b"\x03", Status.OLD, "dd"),),
    )
    data = bytes.fromhex(
        "0a1a" + "0a0141" + "1001" + "1a0103" + "220104" + "220105" + "2803" + "32026161" + "3802" + "42026262"
        + "1213" + "0a0142" + "1001" + "1802" + "22016b" + "2a0103" + "3002" + "3a026363"
        + "1a13" + "0a0141" + "1001" + "1802" + "220177" + "2a0103" + "3004" + "3a026464"
    )  # fmt: skip
    assert journal_to_stored(journal) == data
    assert journal_from_stored(data) == journal


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(bytes.fromhex("0aff"), id="truncated"),
        pytest.param(bytes.fromhex("0a0155"), id="no trust domain of ours"),
        pytest.param(b"", id="empty"),
        pytest.param(
            bytes.fromhex("0a0f" + b"spiffe://a.test".hex() + "1203" + "0a0104"), id="no certificate"
        ),
    ],
)
def test_damaged_bundle_is_an_internal_error(data: bytes) -> None:
    with pytest.raises(Internal, match=r"^stored bundle .*cannot be read: "):
        bundle_from_stored(data)


def test_damaged_attributes_and_journals_are_internal_errors() -> None:
    with pytest.raises(Internal, match=r"^stored additional attributes cannot be read: "):
        attributes_from_stored(b"\x0a")
    with pytest.raises(Internal, match="CA journal"):
        journal_from_stored(b"\x0a\xff")
    with pytest.raises(Internal, match='unknown status "1"'):
        journal_from_stored(bytes.fromhex("0a022801"))
