"""What may be done to the authorities of a stored bundle: taint, revoke, prune. Pure, in SPIRE's words.

Each answers a bundle whose sequence number is one higher. An X.509 authority is named by its subject key
identifier in lower-case hex, a JWT authority by its key ID. SPIRE 1.15 `sqlstore.go`, `bundleutil`.
"""

from __future__ import annotations

from dataclasses import replace

from cryptography import x509

from finial.errors import FailedPrecondition, Internal, InvalidArgument, NotFound
from finial.spiffe.bundle import Bundle, JwtAuthority


def taint_x509(bundle: Bundle, authority_id: str) -> Bundle:
    """Raises: NotFound, InvalidArgument."""
    matching = [one for one in bundle.x509_authorities if subject_key_id(one.der) == authority_id]
    if not matching:
        raise NotFound("no ca found with provided subject key ID")
    if any(one.tainted for one in matching):
        raise InvalidArgument("root CA is already tainted")
    authorities = (replace(one, tainted=True) if one in matching else one for one in bundle.x509_authorities)
    return _next(replace(bundle, x509_authorities=tuple(authorities)))


def revoke_x509(bundle: Bundle, authority_id: str) -> Bundle:
    """Raises: NotFound, InvalidArgument."""
    matching = [one for one in bundle.x509_authorities if subject_key_id(one.der) == authority_id]
    if not matching:
        raise NotFound("no root CA found with provided subject key ID")
    if not all(one.tainted for one in matching):
        raise InvalidArgument("it is not possible to revoke an untainted root CA")
    left = tuple(one for one in bundle.x509_authorities if one not in matching)
    return _next(replace(bundle, x509_authorities=left))


def taint_jwt(bundle: Bundle, key_id: str) -> Bundle:
    """Raises: NotFound, InvalidArgument."""
    if _jwt(bundle, key_id).tainted:
        raise InvalidArgument("key is already tainted")
    keys = (replace(one, tainted=True) if one.key_id == key_id else one for one in bundle.jwt_authorities)
    return _next(replace(bundle, jwt_authorities=tuple(keys)))


def revoke_jwt(bundle: Bundle, key_id: str) -> Bundle:
    """Raises: NotFound, InvalidArgument."""
    if not _jwt(bundle, key_id).tainted:
        raise InvalidArgument("it is not possible to revoke an untainted key")
    left = tuple(one for one in bundle.jwt_authorities if one.key_id != key_id)
    return _next(replace(bundle, jwt_authorities=left))


def pruned(bundle: Bundle, now: int) -> Bundle:
    """Without what expired at or before that Unix second; the same object if nothing did.

    Raises: FailedPrecondition rather than leave none of a kind that there were some of."""
    x509_left = tuple(one for one in bundle.x509_authorities if _expiry(one.der) > now)
    jwt_left = tuple(one for one in bundle.jwt_authorities if one.expires_at > now)
    wit_left = tuple(one for one in bundle.wit_authorities if one.expires_at > now)
    if not x509_left:
        raise FailedPrecondition("prune failed: would prune all certificates")
    if bundle.jwt_authorities and not jwt_left:
        raise FailedPrecondition("prune failed: would prune all JWT signing keys")
    if bundle.wit_authorities and not wit_left:
        raise FailedPrecondition("prune failed: would prune all WIT signing keys")
    left = replace(bundle, x509_authorities=x509_left, jwt_authorities=jwt_left, wit_authorities=wit_left)
    return bundle if left == bundle else _next(left)


def subject_key_id(der: bytes) -> str:
    """Lower-case hex; "" without the extension. Raises: Internal."""
    try:
        return _parsed(der).extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()
    except x509.ExtensionNotFound:
        return ""


def _expiry(der: bytes) -> float:
    return _parsed(der).not_valid_after_utc.timestamp()


def _parsed(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise Internal("failed to parse rootCA: malformed certificate") from error


def _jwt(bundle: Bundle, key_id: str) -> JwtAuthority:
    found = bundle.jwt_authority(key_id)
    if found is None:
        raise NotFound("no JWT Key found with provided key ID")
    return found


def _next(bundle: Bundle) -> Bundle:
    return replace(bundle, sequence_number=bundle.sequence_number + 1)
