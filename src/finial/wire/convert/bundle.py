"""`spire.api.types.Bundle` <-> Bundle.

From a request, SPIRE 1.15 (`pkg/server/api/bundle.go`) takes neither tainted marks nor WIT keys, and
wants every key to be readable. From an answer everything is taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_public_key

from finial.errors import InvalidArgument
from finial.spiffe.bundle import Bundle, JwtAuthority, X509Authority
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.certificate import FAULTS
from finial.svid.x509 import split_der
from finial.wire.convert.field import naming, wants
from finial.wire.pb.spire.api.types import bundle_pb2

MALFORMED_CERTIFICATE = "x509: malformed certificate"  # Go's words


def bundle_to_wire(bundle: Bundle) -> bundle_pb2.Bundle:
    return bundle_pb2.Bundle(
        trust_domain=bundle.trust_domain.name,
        x509_authorities=x509_authorities_to_wire(bundle.x509_authorities),
        jwt_authorities=jwt_authorities_to_wire(bundle.jwt_authorities),
        refresh_hint=bundle.refresh_hint,
        sequence_number=bundle.sequence_number,
        wit_authorities=[
            bundle_pb2.WITKey(
                public_key=one.public_key, key_id=one.key_id, expires_at=one.expires_at, tainted=one.tainted
            )
            for one in bundle.wit_authorities
        ],
    )


def x509_authorities_to_wire(values: Iterable[X509Authority]) -> list[bundle_pb2.X509Certificate]:
    return [bundle_pb2.X509Certificate(asn1=one.der, tainted=one.tainted) for one in values]


def jwt_authorities_to_wire(values: Iterable[JwtAuthority]) -> list[bundle_pb2.JWTKey]:
    return [
        bundle_pb2.JWTKey(
            public_key=one.public_key, key_id=one.key_id, expires_at=one.expires_at, tainted=one.tainted
        )
        for one in values
    ]


def bundle_from_wire(message: bundle_pb2.Bundle) -> Bundle:
    """A bundle as a server gave it; who verifies loads the keys. Raises: InvalidArgument."""
    return Bundle(
        trust_domain=TrustDomain.parse(message.trust_domain),
        x509_authorities=tuple(
            X509Authority(der, one.tainted) for one in message.x509_authorities for der in split_der(one.asn1)
        ),
        jwt_authorities=_keys_from_wire(message.jwt_authorities),
        wit_authorities=_keys_from_wire(message.wit_authorities),
        refresh_hint=message.refresh_hint,
        sequence_number=message.sequence_number,
    )


def bundle_from_request(message: bundle_pb2.Bundle) -> Bundle:
    """Raises: InvalidArgument, naming the authority at fault."""
    with naming("invalid trust domain"):
        trust_domain = TrustDomain.parse(message.trust_domain)
    with naming("unable to parse X.509 authority"):
        x509_authorities = x509_authorities_from_request(message.x509_authorities)
    with naming("unable to parse JWT authority"):
        jwt_authorities = tuple(jwt_authority_from_request(one) for one in message.jwt_authorities)
    return Bundle(
        trust_domain=trust_domain,
        x509_authorities=x509_authorities,
        jwt_authorities=jwt_authorities,
        refresh_hint=message.refresh_hint,
        sequence_number=message.sequence_number,
    )


def updated_bundle(current: Bundle, given: Bundle, mask: bundle_pb2.BundleMask | None) -> Bundle:
    """The stored bundle with those fields of the given one that the mask selects; WIT keys are kept."""

    def side(name: str) -> Bundle:
        return given if wants(mask, name) else current

    return replace(
        current,
        x509_authorities=side("x509_authorities").x509_authorities,
        jwt_authorities=side("jwt_authorities").jwt_authorities,
        refresh_hint=side("refresh_hint").refresh_hint,
        sequence_number=side("sequence_number").sequence_number,
    )


def x509_authorities_from_request(
    messages: Iterable[bundle_pb2.X509Certificate],
) -> tuple[X509Authority, ...]:
    """One authority per certificate, also where a message holds several on end. Raises: InvalidArgument."""
    return tuple(X509Authority(_certificate(der)) for one in messages for der in _split(one.asn1))


def jwt_authority_from_request(message: bundle_pb2.JWTKey) -> JwtAuthority:
    """Raises: InvalidArgument."""
    _check_public_key(message.public_key)
    if not message.key_id:
        raise InvalidArgument("missing key ID")
    return JwtAuthority(message.key_id, message.public_key, message.expires_at)


def _keys_from_wire(
    messages: Iterable[bundle_pb2.JWTKey] | Iterable[bundle_pb2.WITKey],
) -> tuple[JwtAuthority, ...]:
    return tuple(JwtAuthority(one.key_id, one.public_key, one.expires_at, one.tainted) for one in messages)


def _split(data: bytes) -> tuple[bytes, ...]:
    try:
        return split_der(data) or (data,)
    except InvalidArgument:
        raise InvalidArgument(MALFORMED_CERTIFICATE) from None


def _certificate(der: bytes) -> bytes:
    try:
        x509.load_der_x509_certificate(der)
    except FAULTS:
        raise InvalidArgument(MALFORMED_CERTIFICATE) from None
    return der


def _check_public_key(der: bytes) -> None:
    if not der:
        raise InvalidArgument("asn1: syntax error: sequence truncated")
    try:
        load_der_public_key(der)
    except FAULTS:
        raise InvalidArgument("asn1: structure error: not a public key") from None
