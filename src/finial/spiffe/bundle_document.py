"""SPIFFE bundle document: JSON (a JWK set) and PEM, bytes in, a checked bundle out, and back. Pure.

Three forms: the SPIFFE document (`encode`, `parse`), the key set of the Workload API (`jwks`: no `use`,
JWT keys only) and concatenated PEM certificates. JWKs are made and read by joserfc; what stands around
them is here. Spec: SPIFFE Trust Domain and Bundle 4; layout and order of members are SPIRE 1.15's.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import base64_to_int

from finial.errors import InvalidArgument
from finial.spiffe.bundle import Bundle, JwtAuthority, X509Authority
from finial.spiffe.trust_domain import TrustDomain

MAX_SIZE = 8 * 1024 * 1024  # bytes; thousands of roots fit
MAX_MEMBER = (
    4096  # characters of a number in a JWK: RSA of 24,000 bits; joserfc needs 70 times that in memory
)
X509_USE, JWT_USE, WIT_USE = "x509-svid", "jwt-svid", "wit-svid"
MEMBERS = ("use", "kty", "kid", "crv", "x", "y", "n", "e", "x5c")  # in the order in which they are written
KEY_MEMBERS = ("kty", "crv", "x", "y", "n", "e")
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})
PEM_BLOCK = re.compile(r"-----BEGIN ([^-\n]*)-----([A-Za-z0-9+/=\s]*)-----END \1-----")
# KeyError: joserfc's answer to a curve that it does not know. UserWarning: pyca's, where warnings are errors.
PUBLIC_FAULTS = (
    ValueError,
    TypeError,
    KeyError,
    UnsupportedAlgorithm,
    JoseError,
    x509.InvalidVersion,
    UserWarning,
)


def encode(bundle: Bundle, *, refresh_hint: int | None = None, with_wit: bool = False) -> bytes:
    """The document, indented by 4 spaces, without a line end; zero values are left out.

    `refresh_hint` in seconds replaces the bundle's own. WIT keys are left out unless asked for: a SPIRE
    before 1.15 refuses a document that has one.
    """
    keys: list[dict[str, object]] = [_x509_jwk(one.der) for one in bundle.x509_authorities]
    keys += [_jwk(one.public_key, use=JWT_USE, kid=one.key_id) for one in bundle.jwt_authorities]
    if with_wit:
        keys += [_jwk(one.public_key, use=WIT_USE, kid=one.key_id) for one in bundle.wit_authorities]
    hint = bundle.refresh_hint if refresh_hint is None else refresh_hint
    document: dict[str, object] = {"keys": keys}
    if bundle.sequence_number:
        document["spiffe_sequence"] = bundle.sequence_number
    if hint:
        document["spiffe_refresh_hint"] = hint
    return json.dumps(document, indent=4).encode()


def jwks(bundle: Bundle) -> bytes:
    """The JWT keys as the Workload API sends them: `kid` and key, no `use`, indented by 4 spaces."""
    keys = [_jwk(one.public_key, kid=one.key_id) for one in bundle.jwt_authorities]
    return json.dumps({"keys": keys}, indent=4).encode()


def parse_jwks(data: bytes, trust_domain: TrustDomain) -> Bundle:
    """JWT keys from a key set of the Workload API; what `use` says is not looked at.

    Raises: InvalidArgument, naming the entry.
    """
    keys = _keys(_document(data))
    found = [_authority_of(key, JWT_USE, index) for index, key in enumerate(keys)]
    return Bundle(trust_domain, jwt_authorities=_unique(found, JWT_USE))


def parse(data: bytes, trust_domain: TrustDomain, *, ignore_unknown_use: bool = False) -> Bundle:
    """A bundle from a document.

    A key of an unknown or missing `use` refuses the document, as SPIRE does, or is passed over where
    `ignore_unknown_use`, as go-spiffe does. Raises: InvalidArgument, naming the entry.
    """
    document = _document(data)
    keys = _keys(document)
    x509_authorities: list[X509Authority] = []
    by_use: dict[str, list[JwtAuthority]] = {JWT_USE: [], WIT_USE: []}
    for index, key in enumerate(keys):
        use = str(key.get("use", ""))
        if use == X509_USE:
            x509_authorities.append(X509Authority(_certificate_of(key, index)))
        elif use in by_use:
            by_use[use].append(_authority_of(key, use, index))
        elif not ignore_unknown_use:
            what = f'unrecognized use "{use}"' if use else "missing use"
            raise InvalidArgument(f"{what} for key entry {index}")
    return Bundle(
        trust_domain,
        tuple(dict.fromkeys(x509_authorities)),
        _unique(by_use[JWT_USE], JWT_USE),
        _unique(by_use[WIT_USE], WIT_USE),
        refresh_hint=_count(document, "spiffe_refresh_hint"),
        sequence_number=_count(document, "spiffe_sequence"),
    )


def parse_pem(text: bytes, trust_domain: TrustDomain) -> Bundle:
    """X.509 authorities from concatenated PEM certificates; other text around them is passed over.

    Raises: InvalidArgument, in SPIRE's words.
    """
    blocks = PEM_BLOCK.findall(text.decode("utf-8", "replace"))
    if not blocks:
        raise InvalidArgument("no PEM blocks")
    found: list[X509Authority] = []
    for number, (kind, body) in enumerate(blocks):
        if kind != "CERTIFICATE":
            raise InvalidArgument(f'expected block type "CERTIFICATE"; got "{kind}"')
        try:
            der = base64.b64decode("".join(body.split()), validate=True)
        except binascii.Error as why:
            raise InvalidArgument(f'unable to parse "CERTIFICATE" PEM block {number}: not base64') from why
        found.append(X509Authority(_checked_certificate(der, f"PEM block {number}")))
    return Bundle(trust_domain, tuple(dict.fromkeys(found)))


def encode_pem(certificates: Iterable[bytes]) -> bytes:
    """From DER certificates. Each block ends with a line end."""
    return b"".join(_pem(der) for der in certificates)


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""]).encode()


def _jwk(public_key: bytes, *, use: str = "", kid: str = "") -> dict[str, object]:
    try:
        key = load_der_public_key(public_key)
        if isinstance(key, ec.EllipticCurvePublicKey):
            values = ECKey(key, key).as_dict(private=False)
        elif isinstance(key, rsa.RSAPublicKey):
            values = RSAKey(key, key).as_dict(private=False)
        else:
            raise TypeError
    except PUBLIC_FAULTS as why:
        raise InvalidArgument("key cannot be part of a bundle document: type or curve") from why
    told: dict[str, object] = {**values, "use": use, "kid": kid}
    return {name: told[name] for name in MEMBERS if told.get(name)}


def _x509_jwk(der: bytes) -> dict[str, object]:
    key = x509.load_der_x509_certificate(der).public_key()
    public_key = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return _jwk(public_key, use=X509_USE) | {"x5c": [base64.b64encode(der).decode()]}


def _document(data: bytes) -> dict[str, object]:
    if len(data) > MAX_SIZE:
        raise InvalidArgument(f"bundle document has {len(data)} bytes, at most {MAX_SIZE} are allowed")
    try:
        document = json.loads(data.decode(), object_pairs_hook=_without_duplicates)
        if b"\\u" in data:
            json.dumps(
                document, ensure_ascii=False
            ).encode()  # refuses half a surrogate pair, which is no text
    except (ValueError, RecursionError) as why:
        raise InvalidArgument("bundle document cannot be read: not JSON") from why
    if not isinstance(document, dict):
        raise InvalidArgument("bundle document cannot be read: not a JSON object")
    return document


def _keys(document: dict[str, object]) -> list[dict[str, object]]:
    keys = document.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise InvalidArgument("bundle document has no list of keys")
    return keys


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidArgument("bundle document cannot be read: a member appears twice")
    return found


def _certificate_of(key: dict[str, object], index: int) -> bytes:
    chain = key.get("x5c", [])
    if not isinstance(chain, list) or len(chain) != 1 or not isinstance(chain[0], str):
        size = len(chain) if isinstance(chain, list) else 0
        raise InvalidArgument(f"expected a single certificate in x509-svid entry {index}; got {size}")
    try:
        der = base64.b64decode(chain[0], validate=True)
    except (binascii.Error, ValueError) as why:
        raise InvalidArgument(f"certificate in x509-svid entry {index} is not base64") from why
    checked = _checked_certificate(der, f"x509-svid entry {index}")
    told = _public_key_of(key, X509_USE, index)
    held = x509.load_der_x509_certificate(der).public_key()
    if told != held.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo):
        raise InvalidArgument(f"certificate in x509-svid entry {index} is for another key")
    return checked


def _checked_certificate(der: bytes, where: str) -> bytes:
    """The DER itself, if it is a certificate with a key that can be read."""
    try:
        x509.load_der_x509_certificate(der).public_key()
    except PUBLIC_FAULTS as why:
        raise InvalidArgument(f"certificate in {where} cannot be read") from why
    return der


def _authority_of(key: dict[str, object], use: str, index: int) -> JwtAuthority:
    key_id = key.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise InvalidArgument(f"missing key ID in {use} entry {index}")
    return JwtAuthority(key_id, _public_key_of(key, use, index))


def _public_key_of(key: dict[str, object], use: str, index: int) -> bytes:
    """DER SubjectPublicKeyInfo of a JWK. A private key is refused: somebody published it by mistake."""
    if PRIVATE_MEMBERS & key.keys():
        raise InvalidArgument(f"{use} entry {index} holds a private key")
    values: dict[str, str | list[str]] = {}
    for name in KEY_MEMBERS:
        value = key.get(name)
        if isinstance(value, str):
            if len(value) > MAX_MEMBER:
                raise InvalidArgument(f'key of {use} entry {index} cannot be read: "{name}" is too long')
            values[name] = value
    try:
        read = _key(values)
        return read.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except PUBLIC_FAULTS as why:
        raise InvalidArgument(f"key of {use} entry {index} cannot be read") from why


def _key(values: dict[str, str | list[str]]) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    """RSA of any size, as SPIRE and go-spiffe take it: one weak key does not take the others away, and
    `svid.jwt.verification_key` believes nothing that it signed. joserfc would warn on standard error."""
    match values.get("kty"):
        case "EC":
            return ECKey.import_key(values).public_key
        case "RSA":
            numbers = rsa.RSAPublicNumbers(base64_to_int(str(values["e"])), base64_to_int(str(values["n"])))
            return numbers.public_key()
    raise ValueError


def _unique(authorities: list[JwtAuthority], use: str) -> tuple[JwtAuthority, ...]:
    """Each once. Raises: InvalidArgument if one key ID stands for two keys."""
    found = tuple(dict.fromkeys(authorities))
    if len({one.key_id for one in found}) != len(found):
        raise InvalidArgument(f"two {use} keys have the same key ID")
    return found


def _count(document: dict[str, object], name: str) -> int:
    value = document.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise InvalidArgument(f"{name} is not a whole number of 0 or more")
    return value
