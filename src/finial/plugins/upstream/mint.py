"""A CA for a server, signed by the CA above it: request in, certificate out, both DER. Pure.

Subject and extensions are the request's, whose one URI must be the trust domain's ID; critical keyCertSign and
cRLSign, critical CA flag without path length, SHA-1 subject key identifier, valid from 10 s before `now`, and
never beyond its signer. SPIRE 1.15 `x509svid.UpstreamCA`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from finial.errors import FinialError, Internal, InvalidArgument
from finial.plugin.kinds import PrivateKey
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import csr as requests

CUSHION = timedelta(seconds=10)
USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def mint(
    csr: bytes,
    issuer: x509.Certificate,
    key: PrivateKey,
    trust_domain: TrustDomain,
    now: datetime,
    ttl: int,
) -> bytes:
    """Raises: InvalidArgument for the request, Internal if the issuer has expired."""
    if now >= issuer.not_valid_after_utc:
        raise Internal(
            f"unable to sign CSR: the upstream CA expired at {issuer.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
        )
    try:
        request = _checked(csr, trust_domain)
    except FinialError as why:
        raise why.within("unable to sign CSR") from why
    not_after = min(now + timedelta(seconds=ttl), issuer.not_valid_after_utc)
    builder = (
        x509.CertificateBuilder(issuer.subject, request.subject, request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CUSHION)
        .not_valid_after(not_after)
        .add_extension(USAGE, critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key()), critical=False)
    )
    for one in (*_authority_key_id(issuer), *request.extensions):
        builder = builder.add_extension(one.value, critical=one.critical)
    return builder.sign(key, _hash_for(key)).public_bytes(Encoding.DER)


def _checked(csr: bytes, trust_domain: TrustDomain) -> x509.CertificateSigningRequest:
    request = requests.parse(csr)
    request.check_signature()
    uris = request.names().uris
    if len(uris) != 1:
        raise InvalidArgument("CSR must have exactly one URI SAN")
    invalid = f'CSR with SPIFFE ID "{uris[0]}" is invalid'
    try:
        asked = SpiffeId.parse(uris[0])
    except InvalidArgument as why:
        raise why.within(invalid) from why
    if asked.trust_domain != trust_domain or asked.path:
        raise InvalidArgument(f'{invalid}: must use the trust domain ID for trust domain "{trust_domain}"')
    return request.request


def _authority_key_id(issuer: x509.Certificate) -> list[x509.Extension[x509.AuthorityKeyIdentifier]]:
    """The issuer's own subject key identifier, where it has one."""
    try:
        known = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return []
    value = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)
    return [x509.Extension(value.oid, critical=False, value=value)]


def _hash_for(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    """Go's choice by the signing key."""
    size = key.curve.key_size if isinstance(key, ec.EllipticCurvePrivateKey) else 0
    if size == 384:
        return hashes.SHA384()
    return hashes.SHA512() if size == 521 else hashes.SHA256()
