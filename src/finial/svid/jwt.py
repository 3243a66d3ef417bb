"""JWT-SVID: a compact token in, checked claims out. Pure; signatures are joserfc's.

Rules, JWT-SVID 2 to 4: compact form; `alg` one of nine asymmetric ones; `typ` JWT, JOSE or absent;
`kid` names a key of the bundle of the subject's own trust domain; `sub`, `aud` and `exp` are required.
Stricter than the standard where leniency has been a hole: no member twice, no `crit` or `b64`, numbers
are finite, nesting and size have a limit, strict base64url. A message never holds the token.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from finial.errors import FinialError, InvalidArgument, Unauthenticated
from finial.spiffe.bundle import BundleSet, JwtAuthority
from finial.spiffe.id import SpiffeId
from finial.svid.certificate import MAX_RSA_BITS, load_public_key

MAX_TOKEN_LENGTH = 32 * 1024  # characters; more does not fit the headers of any server
MAX_DEPTH = (
    30  # levels; three of protobuf each in an answer of the Workload API, of which clients read a hundred
)
MIN_RSA_BITS = 2048
RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
CURVE_OF = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
ALGORITHMS = RSA_ALGORITHMS | CURVE_OF.keys()
REGISTRY = jws.JWSRegistry(algorithms=sorted(ALGORITHMS), strict_check_header=False)
LEEWAY = 60.0  # seconds that clocks may differ: what go-spiffe and SPIRE's agent allow
BASE64URL = re.compile(r"[A-Za-z0-9_-]*\Z")


@dataclass(frozen=True, slots=True)
class JwtSvid:
    """The token and what it says. Times are Unix seconds as told; `issued_at` is None if not told."""

    token: str = field(repr=False)
    id: SpiffeId
    audience: tuple[str, ...]
    expires_at: float
    issued_at: float | None
    claims: dict[str, object]  # `aud` is always a list
    key_id: str
    algorithm: str


def parse_unverified(token: str) -> JwtSvid:
    """What the token says, with its form judged but neither signature, audience nor time.

    Raises: InvalidArgument, naming the broken rule.
    """
    try:
        header, claims, _ = _decode(token)
        algorithm, key_id = _check_header(header)
        return _from_claims(token, claims, algorithm, key_id)
    except FinialError as why:
        raise why.within("jwt-svid") from why


def verify(token: str, bundles: BundleSet, audience: str | Sequence[str], now: float) -> JwtSvid:
    """The checked SVID, if a key of its own trust domain signed it, it is meant for one of `audience`
    and `now` (Unix seconds) is within its time, give or take `LEEWAY`.

    Raises: InvalidArgument for what is no JWT-SVID, Unauthenticated for what is not trusted.
    """
    svid = parse_unverified(token)
    accepted = (audience,) if isinstance(audience, str) else tuple(audience)
    try:
        _check_signature(svid, _authority(svid, bundles))
        _check_times(svid, now)
        if not set(accepted) & set(svid.audience):
            raise Unauthenticated(
                f"expected audience in {_quoted(accepted)} (audience={_quoted(svid.audience)})"
            )
    except FinialError as why:
        raise why.within("jwt-svid") from why
    return svid


def _decode(token: str) -> tuple[dict[str, object], dict[str, object], bytes]:
    if len(token) > MAX_TOKEN_LENGTH:
        raise InvalidArgument(f"token has {len(token)} characters, at most {MAX_TOKEN_LENGTH} are allowed")
    parts = token.split(".")
    if len(parts) != 3:
        raise InvalidArgument(f"unable to parse JWT token: {len(parts)} parts, exactly 3 are required")
    header, claims, signature = (_base64url(part) for part in parts)
    return _object(header, "header"), _object(claims, "claims"), signature


def _base64url(part: str) -> bytes:
    """Strict: no padding, no foreign character, no stray bits at the end."""
    try:
        if not BASE64URL.match(part):
            raise ValueError
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (ValueError, binascii.Error) as why:
        raise InvalidArgument("unable to parse JWT token: part is not base64url") from why
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != part:
        raise InvalidArgument("unable to parse JWT token: part is not canonical base64url")
    return data


def _object(data: bytes, what: str) -> dict[str, object]:
    try:
        value = READER.decode(data.decode())
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode()  # refuses half a surrogate pair, which is no text
    except (ValueError, RecursionError) as why:
        raise InvalidArgument(f"unable to get {what} from token: not JSON") from why
    if not isinstance(value, dict):
        raise InvalidArgument(f"unable to get {what} from token: not a JSON object")
    _check_depth(value, MAX_DEPTH)
    return value


def _check_depth(value: object, left: int) -> None:
    if isinstance(value, dict | list):
        if left == 0:
            raise InvalidArgument(f"unable to parse JWT token: nested deeper than {MAX_DEPTH} levels")
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, left - 1)


def _whole(text: str) -> int:
    _finite(text)
    return int(text)


def _finite(text: str) -> float:
    """What Go cannot read as a number, either."""
    value = float(text)
    if math.isinf(value):
        raise InvalidArgument("unable to parse JWT token: a number is out of range")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidArgument("unable to parse JWT token: a member appears twice")
    return found


def _no_constant(name: str) -> object:
    raise InvalidArgument(f'unable to parse JWT token: "{name}" is not JSON')


READER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_whole, parse_float=_finite
)


def _check_header(header: dict[str, object]) -> tuple[str, str]:
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise InvalidArgument(f'token signature algorithm "{algorithm}" is not allowed')
    if "typ" in header and header["typ"] not in ("JWT", "JOSE"):
        raise InvalidArgument("token header type not equal to either JWT or JOSE")
    for name in ("crit", "b64"):
        if name in header:
            raise InvalidArgument(f'token header "{name}" is not allowed')
    if not isinstance(key_id, str) or not key_id:
        raise InvalidArgument("token header missing key id")
    return algorithm, key_id


def _from_claims(token: str, claims: dict[str, object], algorithm: str, key_id: str) -> JwtSvid:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise InvalidArgument("token missing subject claim")
    expires_at = _numeric_date(claims, "exp")
    if expires_at is None:
        raise InvalidArgument("token missing exp claim")
    try:
        spiffe_id = SpiffeId.parse(subject)
    except FinialError as why:
        raise why.within("token has an invalid subject claim") from why
    audience = _audience(claims.get("aud"))
    _numeric_date(claims, "nbf")
    issued_at = _numeric_date(claims, "iat")
    told = claims | {"aud": list(audience)}
    return JwtSvid(token, spiffe_id, audience, expires_at, issued_at, told, key_id, algorithm)


def _audience(value: object) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(one, str) and one for one in values):
        raise InvalidArgument("token missing aud claim")
    return tuple(values)


def _numeric_date(claims: dict[str, object], name: str) -> float | None:
    """Seconds, whole or not. A bool is an int to Python and `1e999` a float: neither is a time."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgument(f"token has an invalid {name} claim: not a number")
    if not 0 <= value < 2**53 or not math.isfinite(value):
        raise InvalidArgument(f"token has an invalid {name} claim: out of range")
    return value


def _authority(svid: JwtSvid, bundles: BundleSet) -> JwtAuthority:
    trust_domain = svid.id.trust_domain
    bundle = bundles.get(trust_domain)
    if bundle is None:
        raise Unauthenticated(f'no bundle found for trust domain "{trust_domain}"')
    authority = bundle.jwt_authority(svid.key_id)
    if authority is None:
        raise Unauthenticated(f'no JWT authority "{svid.key_id}" found for trust domain "{trust_domain}"')
    return authority


def _check_signature(svid: JwtSvid, authority: JwtAuthority) -> None:
    key = verification_key(authority.public_key)
    if svid.algorithm not in algorithms_of(key):
        raise Unauthenticated(f'token signature algorithm "{svid.algorithm}" does not fit the key')
    try:
        jws.deserialize_compact(svid.token.encode(), key, registry=REGISTRY)
    except (JoseError, ValueError) as why:
        raise Unauthenticated("token signature is invalid") from why


@lru_cache(maxsize=1024)
def verification_key(public_key: bytes) -> ECKey | RSAKey:
    """From DER SubjectPublicKeyInfo of a bundle; kept, since a key verifies many tokens.

    Raises: InvalidArgument for a key no JWT-SVID may be signed with.
    """
    key = load_public_key(public_key)
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVE_OF.values():
        return ECKey(key, key)
    if isinstance(key, rsa.RSAPublicKey) and MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        return RSAKey(key, key)
    raise InvalidArgument("JWT authority has an unsupported key type or size")


def algorithms_of(key: ECKey | RSAKey) -> frozenset[str]:
    """What a key of this type and curve may sign with."""
    if isinstance(key, RSAKey):
        return RSA_ALGORITHMS
    curve = key.public_key.curve.name
    return frozenset(name for name, needed in CURVE_OF.items() if needed == curve)


def _check_times(svid: JwtSvid, now: float) -> None:
    if svid.expires_at < now - LEEWAY:
        raise Unauthenticated("token has expired")
    not_before = _numeric_date(svid.claims, "nbf")
    if not_before is not None and not_before > now + LEEWAY:
        raise Unauthenticated("token is not valid yet")
    if svid.issued_at is not None and svid.issued_at > now + LEEWAY:
        raise Unauthenticated("token is issued in the future")


def _quoted(values: Sequence[str]) -> str:
    return "[" + " ".join(f'"{value}"' for value in values) + "]"
