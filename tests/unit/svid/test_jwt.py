"""JWT-SVID: tokens that pass, and one fault at a time in those that do not."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from finial.errors import FinialError, InvalidArgument, Unauthenticated
from finial.spiffe.bundle import Bundle, BundleSet, JwtAuthority
from finial.spiffe.bundle_document import parse
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import jwt
from finial.wire.pb.spiffe.workload import workload_pb2

VECTORS = Path(__file__).parents[2] / "vectors" / "svid"
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
P256, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
P384, P521 = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP521R1())
RSA = rsa.generate_private_key(65537, 2048)
KEYS: dict[str, PrivateKey] = {"p256": P256, "p384": P384, "p521": P521, "rsa": RSA}
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
NOW = 1_800_000_000
CLAIMS: dict[str, object] = {"aud": ["a"], "exp": NOW + 60, "iat": NOW, "sub": "spiffe://example.org/w"}
HEADER: dict[str, object] = {"alg": "ES256", "kid": "p256", "typ": "JWT"}


def spki(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


BUNDLES = BundleSet.of(
    Bundle(
        TrustDomain("example.org"),
        jwt_authorities=tuple(JwtAuthority(key_id, spki(key)) for key_id, key in KEYS.items()),
    ),
    Bundle(TrustDomain("other.test"), jwt_authorities=(JwtAuthority("other", spki(OTHER)),)),
)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(message: bytes, algorithm: str, key: PrivateKey) -> bytes:
    digest = HASHES[algorithm[2:]]
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        return key.sign(message, pss if algorithm.startswith("PS") else padding.PKCS1v15(), digest)
    size = (key.curve.key_size + 7) // 8
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(digest)))
    return r.to_bytes(size) + s.to_bytes(size)


def made(
    header: Mapping[str, object] | bytes = HEADER,
    claims: Mapping[str, object] | bytes = CLAIMS,
    key: PrivateKey = P256,
    algorithm: str = "ES256",
) -> str:
    """A token of exactly this content, correctly signed: so that only the content is at fault."""
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    message = f"{encoded(head)}.{encoded(body)}"
    return f"{message}.{encoded(sign(message.encode(), algorithm, key))}"


def nested(levels: int) -> object:
    return {"x": nested(levels - 1)} if levels else 1


def test_claims_as_deep_as_they_may_be_fit_an_answer_of_the_workload_api() -> None:
    svid = jwt.verify(made(claims=CLAIMS | {"x": nested(29), "y": 10**300}), BUNDLES, "a", NOW)
    answer = workload_pb2.ValidateJWTSVIDResponse()
    answer.claims.update(svid.claims)  # type: ignore[arg-type]  # JSON values
    assert workload_pb2.ValidateJWTSVIDResponse.FromString(answer.SerializeToString()) == answer


def test_a_good_token() -> None:
    svid = jwt.verify(made(claims=CLAIMS | {"jti": "x"}), BUNDLES, "a", NOW)
    assert str(svid.id) == "spiffe://example.org/w"
    assert (svid.audience, svid.expires_at, svid.issued_at) == (("a",), NOW + 60, NOW)
    assert (svid.key_id, svid.algorithm, svid.claims["jti"]) == ("p256", "ES256", "x")


@pytest.mark.parametrize(
    ("algorithm", "key_id"),
    [("ES256", "p256"), ("ES384", "p384"), ("ES512", "p521")]
    + [(name, "rsa") for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")],
)
def test_nine_algorithms(algorithm: str, key_id: str) -> None:
    token = made({"alg": algorithm, "kid": key_id}, key=KEYS[key_id], algorithm=algorithm)
    assert jwt.verify(token, BUNDLES, "a", NOW).algorithm == algorithm


@pytest.mark.parametrize("typ", [{"typ": "JWT"}, {"typ": "JOSE"}, {}], ids=["JWT", "JOSE", "absent"])
def test_types(typ: dict[str, object]) -> None:
    assert jwt.verify(made({"alg": "ES256", "kid": "p256"} | typ), BUNDLES, "a", NOW).key_id == "p256"


def test_audience_may_be_one_text_and_one_match_is_enough() -> None:
    svid = jwt.verify(made(claims=CLAIMS | {"aud": "b"}), BUNDLES, ["a", "b"], NOW)
    assert svid.audience == ("b",) and svid.claims["aud"] == ["b"]


def test_times_may_have_fractions() -> None:
    token = made(claims=CLAIMS | {"exp": NOW + 0.5})
    assert jwt.verify(token, BUNDLES, "a", NOW).expires_at == NOW + 0.5
    with pytest.raises(Unauthenticated, match="expired"):
        jwt.verify(token, BUNDLES, "a", NOW + 61)


@pytest.mark.parametrize("claims", [{"exp": NOW - 60}, {"nbf": NOW + 60}, {"iat": NOW + 60}])
def test_clocks_may_differ_by_a_minute(claims: dict[str, object]) -> None:
    assert jwt.verify(made(claims=CLAIMS | claims), BUNDLES, "a", NOW).id.path == "/w"


Part = Mapping[str, object] | bytes
NOT_A_TOKEN: dict[str, tuple[Part, Part, str]] = {
    "header: alg none": (HEADER | {"alg": "none"}, CLAIMS, "is not allowed"),
    "header: alg None": (HEADER | {"alg": "None"}, CLAIMS, "is not allowed"),
    "header: alg HS256": (HEADER | {"alg": "HS256"}, CLAIMS, "is not allowed"),
    "header: alg ES256K": (HEADER | {"alg": "ES256K"}, CLAIMS, "is not allowed"),
    "header: alg EdDSA": (HEADER | {"alg": "EdDSA"}, CLAIMS, "is not allowed"),
    "header: alg a list": (HEADER | {"alg": ["ES256"]}, CLAIMS, "is not allowed"),
    "header: alg absent": ({"kid": "p256"}, CLAIMS, "is not allowed"),
    "header: kid absent": ({"alg": "ES256"}, CLAIMS, "missing key id"),
    "header: kid empty": (HEADER | {"kid": ""}, CLAIMS, "missing key id"),
    "header: kid a number": (HEADER | {"kid": 1}, CLAIMS, "missing key id"),
    "header: typ at+jwt": (HEADER | {"typ": "at+jwt"}, CLAIMS, "header type"),
    "header: typ jwt": (HEADER | {"typ": "jwt"}, CLAIMS, "header type"),
    "header: typ null": (HEADER | {"typ": None}, CLAIMS, "header type"),
    "header: crit": (HEADER | {"crit": ["exp"], "exp": 1}, CLAIMS, '"crit" is not allowed'),
    "header: b64": (HEADER | {"b64": False}, CLAIMS, '"b64" is not allowed'),
    "header: alg twice": (b'{"alg":"none","alg":"ES256","kid":"p256"}', CLAIMS, "appears twice"),
    "header: a list": (b"[]", CLAIMS, "not a JSON object"),
    "header: not JSON": (b"{", CLAIMS, "not JSON"),
    "header: not UTF-8": (b'{"alg":"\xff"}', CLAIMS, "not JSON"),
    "claims: not JSON": (HEADER, b"nope", "not JSON"),
    "claims: a text": (HEADER, b'"sub"', "not a JSON object"),
    "claims: too deep": (HEADER, b"[" * 20_000, "not JSON"),
    "sub: absent": (HEADER, {k: v for k, v in CLAIMS.items() if k != "sub"}, "missing subject"),
    "sub: empty": (HEADER, CLAIMS | {"sub": ""}, "missing subject"),
    "sub: a list": (HEADER, CLAIMS | {"sub": ["spiffe://example.org/w"]}, "missing subject"),
    "sub: no SPIFFE ID": (HEADER, CLAIMS | {"sub": "joe"}, "invalid subject claim: scheme"),
    "sub: twice": (HEADER, b'{"sub":"spiffe://example.org/a","sub":"spiffe://example.org/b"}', "appears twice"),
    "aud: absent": (HEADER, {k: v for k, v in CLAIMS.items() if k != "aud"}, "missing aud"),
    "aud: empty list": (HEADER, CLAIMS | {"aud": []}, "missing aud"),
    "aud: empty text": (HEADER, CLAIMS | {"aud": ""}, "missing aud"),
    "aud: list with a number": (HEADER, CLAIMS | {"aud": ["a", 1]}, "missing aud"),
    "aud: an object": (HEADER, CLAIMS | {"aud": {"a": "a"}}, "missing aud"),
    "exp: absent": (HEADER, {k: v for k, v in CLAIMS.items() if k != "exp"}, "missing exp"),
    "exp: null": (HEADER, CLAIMS | {"exp": None}, "missing exp"),
    "exp: a text": (HEADER, CLAIMS | {"exp": str(NOW + 60)}, "invalid exp claim: not a number"),
    "exp: true": (HEADER, CLAIMS | {"exp": True}, "invalid exp claim: not a number"),
    "exp: NaN": (HEADER, CLAIMS | {"exp": float("nan")}, '"NaN" is not JSON'),
    "exp: Infinity": (HEADER, CLAIMS | {"exp": float("inf")}, '"Infinity" is not JSON'),
    "exp: 1e999": (HEADER, b'{"sub":"spiffe://example.org/w","aud":"a","exp":1e999}', "out of range"),
    "exp: negative": (HEADER, CLAIMS | {"exp": -1}, "out of range"),
    "exp: beyond 2^53": (HEADER, CLAIMS | {"exp": 2**53}, "out of range"),
    "exp: 5000 digits": (HEADER, b'{"sub":"spiffe://example.org/w","aud":"a","exp":' + b"9" * 5000 + b"}", "out of range"),
    "a claim: 1e999": (HEADER, b'{"sub":"spiffe://example.org/w","aud":"a","exp":1,"x":[1e999]}', "out of range"),
    "a claim: 400 digits": (HEADER, CLAIMS | {"x": 10**400}, "out of range"),
    "a claim: 31 levels": (HEADER, CLAIMS | {"x": nested(30)}, "deeper than 30 levels"),
    "a claim: 500 levels": (HEADER, CLAIMS | {"x": nested(500)}, "deeper than 30 levels"),
    "iat: a text": (HEADER, CLAIMS | {"iat": "now"}, "invalid iat claim"),
    "nbf: true": (HEADER, CLAIMS | {"nbf": True}, "invalid nbf claim"),
}  # fmt: skip


@pytest.mark.parametrize("fault", NOT_A_TOKEN)
def test_what_is_no_jwt_svid(fault: str) -> None:
    header, claims, why = NOT_A_TOKEN[fault]
    token = made(header, claims)
    with pytest.raises(InvalidArgument, match=why) as caught:
        jwt.verify(token, BUNDLES, "a", NOW)
    assert str(caught.value).startswith("jwt-svid: ")
    assert token.split(".")[2] not in str(caught.value)
    with pytest.raises(InvalidArgument, match=why):
        jwt.parse_unverified(token)


NOT_TRUSTED: dict[str, tuple[Part, Part, str]] = {
    "expired": (HEADER, CLAIMS | {"exp": NOW - 61}, "token has expired"),
    "not yet": (HEADER, CLAIMS | {"nbf": NOW + 61}, "not valid yet"),
    "issued in the future": (HEADER, CLAIMS | {"iat": NOW + 61}, "issued in the future"),
    "for another": (HEADER, CLAIMS | {"aud": ["b", "c"]}, r'expected audience in \["a"\] \(audience=\["b" "c"\]\)'),
    "unknown trust domain": (HEADER, CLAIMS | {"sub": "spiffe://no.test/w"}, "no bundle found"),
    "unknown key": (HEADER | {"kid": "x"}, CLAIMS, 'no JWT authority "x"'),
    "key of another trust domain": (HEADER | {"kid": "other"}, CLAIMS, 'no JWT authority "other"'),
    "sub of another trust domain": (HEADER, CLAIMS | {"sub": "spiffe://other.test/w"}, "no JWT authority"),
    "kid of another key": (HEADER | {"kid": "p384"}, CLAIMS, "does not fit the key"),
    "alg of another curve": (HEADER | {"alg": "ES384"}, CLAIMS, "does not fit the key"),
    "alg of another key type": (HEADER | {"alg": "RS256"}, CLAIMS, "does not fit the key"),
    "EC algorithm with an RSA key": (HEADER | {"kid": "rsa"}, CLAIMS, "does not fit the key"),
}  # fmt: skip


@pytest.mark.parametrize("fault", NOT_TRUSTED)
def test_what_is_not_trusted(fault: str) -> None:
    header, claims, why = NOT_TRUSTED[fault]
    with pytest.raises(Unauthenticated, match=f"^jwt-svid: .*{why}"):
        jwt.verify(made(header, claims), BUNDLES, "a", NOW)


def test_signature_of_another_key_is_refused() -> None:
    with pytest.raises(Unauthenticated, match="signature is invalid"):
        jwt.verify(made(key=OTHER), BUNDLES, "a", NOW)


def test_public_key_as_hmac_secret_is_refused() -> None:
    """The classic: the verifier's public key used as a shared secret."""
    message = (
        f"{encoded(json.dumps(HEADER | {'alg': 'HS256'}).encode())}.{encoded(json.dumps(CLAIMS).encode())}"
    )
    mac = hmac.HMAC(spki(P256), hashes.SHA256())
    mac.update(message.encode())
    with pytest.raises(InvalidArgument, match='"HS256" is not allowed'):
        jwt.verify(f"{message}.{encoded(mac.finalize())}", BUNDLES, "a", NOW)


def test_keys_that_the_token_brings_are_not_used() -> None:
    numbers = OTHER.public_key().public_numbers()
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": encoded(numbers.x.to_bytes(32)),
        "y": encoded(numbers.y.to_bytes(32)),
    }
    for header in (
        HEADER | {"jwk": jwk},
        HEADER | {"jku": "https://evil.test"},
        HEADER | {"x5u": "https://evil.test"},
    ):
        with pytest.raises(Unauthenticated, match="signature is invalid"):
            jwt.verify(made(header, key=OTHER), BUNDLES, "a", NOW)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b", "a.b.c.d", "e30.e30.é", "e30=.e30.e30", "e30.e30\n.e30"]
)
def test_what_is_not_in_compact_form(token: str) -> None:
    with pytest.raises(
        InvalidArgument, match=r"^jwt-svid: unable to (parse JWT|get header)|^jwt-svid: token sig"
    ):
        jwt.parse_unverified(token)


def test_stray_bits_at_the_end_of_a_part_are_refused() -> None:
    """Two texts for the same bytes: a cache keyed by the token could be tricked."""
    token = made()
    last = token[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = token[:-1] + alphabet[alphabet.index(last) ^ 1]
    with pytest.raises(InvalidArgument, match="not canonical base64url"):
        jwt.verify(twin, BUNDLES, "a", NOW)


def test_every_changed_character_is_noticed() -> None:
    token = made()
    for index in range(0, len(token), 7):
        changed = token[:index] + ("A" if token[index] != "A" else "B") + token[index + 1 :]
        with pytest.raises(FinialError):
            jwt.verify(changed, BUNDLES, "a", NOW)


def test_size_is_bounded() -> None:
    with pytest.raises(InvalidArgument, match="at most 32768 are allowed"):
        jwt.parse_unverified("a" * 32769)


def test_empty_signature_is_refused() -> None:
    with pytest.raises(Unauthenticated, match="signature is invalid"):
        jwt.verify(made().rpartition(".")[0] + ".", BUNDLES, "a", NOW)


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP224R1())],
    ids=["RSA 1024", "P-224"],
)
def test_weak_authorities_verify_nothing(key: PrivateKey) -> None:
    with pytest.raises(InvalidArgument, match="unsupported key type or size"):
        jwt.verification_key(spki(key))


def test_unverified_claims_are_returned_as_told() -> None:
    svid = jwt.parse_unverified(made(claims=CLAIMS | {"exp": 0}, key=OTHER))
    assert svid.expires_at == 0 and svid.claims["sub"] == "spiffe://example.org/w"
    assert svid.token not in repr(svid)


def test_token_of_a_stock_server() -> None:
    token = (VECTORS / "stock-minted-token.txt").read_text().splitlines()[-1]
    bundle = parse((VECTORS / "stock-bundle.json").read_bytes(), TrustDomain("example.org"))
    issued_at = jwt.parse_unverified(token).issued_at
    assert issued_at is not None
    svid = jwt.verify(token, BundleSet.of(bundle), "a", issued_at)
    assert (str(svid.id), svid.expires_at - issued_at) == ("spiffe://example.org/named", 300)


@pytest.mark.parametrize("part", [0, 1], ids=["header", "claims"])
def test_half_a_surrogate_pair_is_refused(part: int) -> None:
    texts = [b'{"alg":"ES256","kid":"k"}', b'{"sub":"spiffe://example.org/w","aud":["a"],"exp":1}', b"x"]
    texts[part] = texts[part].replace(b"{", b'{"x":"\\ud800",')
    token = ".".join(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in texts)
    with pytest.raises(InvalidArgument, match="not JSON"):
        jwt.parse_unverified(token)
