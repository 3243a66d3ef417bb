"""Bundle documents: SPIRE's layout, and one fault at a time in what is read."""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from finial.errors import InvalidArgument
from finial.spiffe.bundle import Bundle, JwtAuthority, X509Authority
from finial.spiffe.bundle_document import MAX_SIZE, encode, encode_pem, jwks, parse, parse_jwks, parse_pem
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa

DOMAIN = TrustDomain("example.org")
CA, OTHER = TestCa(), TestCa()
P256, P384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(65537, 2048)


def spki(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


BUNDLE = Bundle(
    DOMAIN,
    (X509Authority(CA.der), X509Authority(OTHER.der)),
    (JwtAuthority("k1", spki(P256)), JwtAuthority("k2", spki(RSA)), JwtAuthority("k3", spki(P384))),
    refresh_hint=300,
    sequence_number=7,
)


def b64url(number: int, size: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(size)).rstrip(b"=").decode()


def test_layout() -> None:
    numbers = CA.private_key.public_key().public_numbers()
    jwt = P256.public_key().public_numbers()
    bundle = Bundle(DOMAIN, (X509Authority(CA.der),), (JwtAuthority("k1", spki(P256)),), sequence_number=3)
    assert (
        encode(bundle).decode()
        == f"""{{
    "keys": [
        {{
            "use": "x509-svid",
            "kty": "EC",
            "crv": "P-256",
            "x": "{b64url(numbers.x, 32)}",
            "y": "{b64url(numbers.y, 32)}",
            "x5c": [
                "{base64.b64encode(CA.der).decode()}"
            ]
        }},
        {{
            "use": "jwt-svid",
            "kty": "EC",
            "kid": "k1",
            "crv": "P-256",
            "x": "{b64url(jwt.x, 32)}",
            "y": "{b64url(jwt.y, 32)}"
        }}
    ],
    "spiffe_sequence": 3
}}"""
    )


def test_rsa_members() -> None:
    bundle = Bundle(DOMAIN, (), (JwtAuthority("k", spki(RSA)),))
    assert list(json.loads(encode(bundle))["keys"][0]) == ["use", "kty", "kid", "n", "e"]


def test_a_small_rsa_key_is_kept_in_silence() -> None:
    """Warnings are errors here. Nothing that it signs is believed: tests/unit/svid/test_jwt.py."""
    key = {"kty": "RSA", "use": "jwt-svid", "kid": "small", "n": "uw" * 85 + "uw", "e": "AQAB"}
    data = json.dumps({"keys": [key, *json.loads(encode(BUNDLE))["keys"]]}).encode()
    found = parse(data, DOMAIN)
    assert [one.key_id for one in found.jwt_authorities] == ["small", "k1", "k2", "k3"]
    assert json.loads(jwks(found))["keys"][0] == {name: key[name] for name in ("kty", "kid", "n", "e")}


@pytest.mark.parametrize("member", ["n", "e", "x", "y", "crv", "kty"])
def test_a_number_of_megabytes_is_refused_before_it_is_read(member: str) -> None:
    """One of eight megabytes would cost 500 MiB and two seconds."""
    key = {"kty": "RSA", "kid": "k", "n": "uw" * 171, "e": "AQAB", member: "uw" * 500_000}
    tracemalloc.start()
    try:
        with pytest.raises(
            InvalidArgument, match=f'^key of jwt-svid entry 0 cannot be read: "{member}" is too long$'
        ):
            parse_jwks(json.dumps({"keys": [key]}).encode(), DOMAIN)
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["oct", "OKP", "", "rsa", ["RSA"], None])
def test_members_of_rsa_under_another_type_are_no_key(kind: object) -> None:
    key = {"kty": kind, "kid": "k", "n": "uw" * 171, "e": "AQAB"}
    with pytest.raises(InvalidArgument, match=r"^key of jwt-svid entry 0 cannot be read$"):
        parse_jwks(json.dumps({"keys": [key]}).encode(), DOMAIN)


def test_zero_values_are_left_out_and_the_endpoint_sets_its_own_hint() -> None:
    assert json.loads(encode(Bundle(DOMAIN))) == {"keys": []}
    assert json.loads(encode(BUNDLE))["spiffe_refresh_hint"] == 300
    assert json.loads(encode(BUNDLE, refresh_hint=10))["spiffe_refresh_hint"] == 10
    assert "spiffe_refresh_hint" not in json.loads(encode(BUNDLE, refresh_hint=0))


def test_round_trip() -> None:
    assert parse(encode(BUNDLE), DOMAIN) == BUNDLE


def test_wit_keys_are_written_on_request_only() -> None:
    bundle = Bundle(DOMAIN, wit_authorities=(JwtAuthority("w", spki(P256)),))
    assert parse(encode(bundle), DOMAIN) == Bundle(DOMAIN)
    assert parse(encode(bundle, with_wit=True), DOMAIN) == bundle


def test_key_set_of_the_workload_api() -> None:
    numbers = P256.public_key().public_numbers()
    bundle = Bundle(DOMAIN, (X509Authority(CA.der),), (JwtAuthority("k1", spki(P256)),), sequence_number=3)
    assert (
        jwks(bundle).decode()
        == f"""{{
    "keys": [
        {{
            "kty": "EC",
            "kid": "k1",
            "crv": "P-256",
            "x": "{b64url(numbers.x, 32)}",
            "y": "{b64url(numbers.y, 32)}"
        }}
    ]
}}"""
    )


def test_key_set_round_trip() -> None:
    assert parse_jwks(jwks(BUNDLE), DOMAIN) == Bundle(DOMAIN, jwt_authorities=BUNDLE.jwt_authorities)
    assert parse_jwks(jwks(Bundle(DOMAIN)), DOMAIN) == Bundle(DOMAIN)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": [{"kty": "EC"}]}',
        b'{"keys": [], "keys": []}',
        b'{"keys": [], "a": "\\ud800"}',
    ],
)
def test_faulty_key_set_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument):
        parse_jwks(data, DOMAIN)


def test_unknown_use_is_refused_or_passed_over() -> None:
    document = json.loads(encode(BUNDLE))
    document["keys"].insert(0, {"use": "new-svid", "kty": "OKP"})
    document["keys"].append({"kty": "EC"})
    data = json.dumps(document).encode()
    assert parse(data, DOMAIN, ignore_unknown_use=True) == BUNDLE
    with pytest.raises(InvalidArgument, match='unrecognized use "new-svid" for key entry 0'):
        parse(data, DOMAIN)
    del document["keys"][0]
    with pytest.raises(InvalidArgument, match="missing use for key entry 5"):
        parse(json.dumps(document).encode(), DOMAIN)


Json = dict[str, object]


def changed(index: int, change: Callable[[Json], object]) -> bytes:
    document = json.loads(encode(BUNDLE))
    change(document["keys"][index])
    return json.dumps(document).encode()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


FAULTS = {
    "empty": (b"", "not JSON"),
    "PEM": (b"-----BEGIN CERTIFICATE-----", "not JSON"),
    "a list": (b"[]", "not a JSON object"),
    "keys absent": (b"{}", "no list of keys"),
    "keys null": (b'{"keys": null}', "no list of keys"),
    "keys an object": (b'{"keys": {}}', "no list of keys"),
    "key a text": (b'{"keys": ["a"]}', "no list of keys"),
    "keys twice": (b'{"keys": [], "keys": []}', "appears twice"),
    "use twice": (b'{"keys": [{"use": "x509-svid", "use": "jwt-svid"}]}', "appears twice"),
    "too deep": (b"[" * 100_000, "not JSON"),
    "not UTF-8": (b'{"keys": [], "a": "\xff"}', "not JSON"),
    "sequence negative": (b'{"keys": [], "spiffe_sequence": -1}', "spiffe_sequence is not"),
    "sequence a bool": (b'{"keys": [], "spiffe_sequence": true}', "spiffe_sequence is not"),
    "hint a fraction": (b'{"keys": [], "spiffe_refresh_hint": 1.5}', "spiffe_refresh_hint is not"),
    "hint huge": (b'{"keys": [], "spiffe_refresh_hint": %d}' % 2**63, "spiffe_refresh_hint is not"),
    "x5c absent": (changed(0, lambda key: key.pop("x5c")), "single certificate in x509-svid entry 0; got 0"),
    "x5c empty": (changed(1, lambda key: key.update(x5c=[])), "single certificate in x509-svid entry 1; got 0"),
    "x5c of two": (changed(0, lambda key: key.update(x5c=[b64(CA.der)] * 2)), "entry 0; got 2"),
    "x5c a number": (changed(0, lambda key: key.update(x5c=[1])), "single certificate"),
    "x5c not base64": (changed(0, lambda key: key.update(x5c=["*"])), "entry 0 is not base64"),
    "x5c not a certificate": (changed(0, lambda key: key.update(x5c=["AAAA"])), "entry 0 cannot be read"),
    "x5c of another key": (changed(0, lambda key: key.update(x5c=[b64(OTHER.der)])), "for another key"),
    "kid absent": (changed(2, lambda key: key.pop("kid")), "missing key ID in jwt-svid entry 2"),
    "kid empty": (changed(2, lambda key: key.update(kid="")), "missing key ID in jwt-svid entry 2"),
    "kid a number": (changed(2, lambda key: key.update(kid=1)), "missing key ID in jwt-svid entry 2"),
    "kid of two keys": (changed(3, lambda key: key.update(kid="k1")), "the same key ID"),
    "kty unknown": (changed(2, lambda key: key.update(kty="OKP")), "key of jwt-svid entry 2 cannot be read"),
    "kty a list": (changed(2, lambda key: key.update(kty=["EC"])), "key of jwt-svid entry 2 cannot be read"),
    "kty oct": (changed(2, lambda key: key.update(kty="oct", k="AAAA")), "holds a private key"),
    "private key": (changed(2, lambda key: key.update(d="AAAA")), "jwt-svid entry 2 holds a private key"),
    "point not on the curve": (changed(2, lambda key: key.update(x="AAAA")), "cannot be read"),
    "curve unknown": (changed(2, lambda key: key.update(crv=" -256")), "cannot be read"),
    "curve of another size": (changed(2, lambda key: key.update(crv="P-384")), "cannot be read"),
    "modulus not base64": (changed(3, lambda key: key.update(n="***")), "cannot be read"),
    "coordinate a number": (changed(2, lambda key: key.update(x=1)), "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_refused(fault: str) -> None:
    data, why = FAULTS[fault]
    with pytest.raises(InvalidArgument, match=why):
        parse(data, DOMAIN)


def test_size_is_bounded() -> None:
    with pytest.raises(InvalidArgument, match=f"at most {MAX_SIZE} are allowed"):
        parse(b" " * (MAX_SIZE + 1), DOMAIN)


def test_same_authority_twice_counts_once() -> None:
    document = json.loads(encode(BUNDLE))
    document["keys"] += document["keys"]
    assert parse(json.dumps(document).encode(), DOMAIN) == BUNDLE


def test_pem_round_trip_and_text_around_it() -> None:
    pem = encode_pem(BUNDLE.x509_roots)
    assert pem.startswith(b"-----BEGIN CERTIFICATE-----\n") and pem.endswith(b"-----END CERTIFICATE-----\n")
    assert max(len(line) for line in pem.splitlines()) == 64
    wanted = Bundle(DOMAIN, BUNDLE.x509_authorities)
    for text in (pem, b"subject=x\n" + pem + b"\ntail", pem.replace(b"\n", b"\r\n"), pem + pem):
        assert parse_pem(text, DOMAIN) == wanted


PEM = encode_pem([CA.der])
PEM_FAULTS = {
    "empty": (b"", "no PEM blocks"),
    "JSON": (encode(BUNDLE), "no PEM blocks"),
    "no end": (PEM.replace(b"END", b"OUT"), "no PEM blocks"),
    "a key": (PEM.replace(b"CERTIFICATE", b"PRIVATE KEY"), 'expected block type "CERTIFICATE"; got "PRIVATE KEY"'),
    "not base64": (PEM.replace(b"M", b"=", 1), "unable to parse .*: not base64|PEM block 0 cannot be read"),
    "cut": (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "PEM block 0 cannot be read"),
    "second bad": (PEM + PEM.replace(b"MII", b"MIJ", 1), "PEM block 1 cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("fault", PEM_FAULTS)
def test_pem_fault_is_refused(fault: str) -> None:
    text, why = PEM_FAULTS[fault]
    with pytest.raises(InvalidArgument, match=why):
        parse_pem(text, DOMAIN)


@pytest.mark.parametrize(
    "key",
    [ed25519.Ed25519PrivateKey.generate().public_key(), ec.generate_private_key(ec.SECP224R1()).public_key()],
    ids=["Ed25519", "P-224"],
)
def test_key_that_no_document_holds_is_refused(
    key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey,
) -> None:
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InvalidArgument, match="cannot be part of a bundle document: type or curve"):
        jwks(Bundle(DOMAIN, jwt_authorities=(JwtAuthority("k", der),)))


def test_document_of_a_stock_server_is_written_back_byte_by_byte() -> None:
    document = (Path(__file__).parents[2] / "vectors" / "svid" / "stock-bundle.json").read_bytes()
    assert encode(parse(document, DOMAIN)) == document


def test_a_document_of_blanks_after_a_beginning_takes_no_time() -> None:
    with pytest.raises(InvalidArgument, match="no PEM blocks"):
        parse_pem(b"-----BEGIN CERTIFICATE-----" + b" " * 500_000, TrustDomain("example.org"))


def test_a_serial_number_below_zero_is_an_error_where_a_warning_is_one() -> None:
    """Found by fuzzing: pyca's warning, which is an error here, escaped."""
    number = x509.load_der_x509_certificate(CA.der).serial_number
    at = CA.der.index(number.to_bytes(number.bit_length() // 8 + 1))
    odd = CA.der[:at] + b"\xff" + CA.der[at + 1 :]
    with pytest.raises(InvalidArgument, match=r"^certificate in PEM block 0 cannot be read$"):
        parse_pem(encode_pem([odd]), DOMAIN)
