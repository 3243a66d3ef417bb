"""An X.509 CA of ours: made from a new key, signed by itself or by an upstream authority. Pure.

Profile, SPIRE 1.15: subject of the policy plus the certificate's own serial number, URI SAN
`spiffe://<trust domain>`, critical keyCertSign and cRLSign, critical CA flag without path length,
SHA-1 subject key identifier, valid from 10 s before `now`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from finial.authority.journal import Status, X509CaRecord
from finial.authority.policy import Policy
from finial.errors import FinialError, Internal, InvalidArgument, Unavailable
from finial.plugin.kinds import Extension, PrivateKey, X509CaAttributes
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.certificate import Certificate, load_public_key, read
from finial.svid.subject import Subject

CUSHION = timedelta(seconds=10)  # clocks that are a little behind still accept what is new
MAX_SERIAL = 2**128 - 1
Hash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512


@dataclass(frozen=True, slots=True)
class X509Ca:
    """What signs X.509-SVIDs. `upstream_chain` is DER, this CA first, and is what an SVID carries
    besides its leaf; empty for a self-signed one."""

    certificate: bytes = field(repr=False)  # DER
    private_key: PrivateKey = field(repr=False)
    upstream_chain: tuple[bytes, ...] = field(repr=False, default=())
    upstream_roots: tuple[bytes, ...] = field(repr=False, default=())

    @property
    def read(self) -> Certificate:
        return read(self.certificate)

    @property
    def authority_id(self) -> str:
        return (self.read.subject_key_id or b"").hex()

    @property
    def upstream_authority_id(self) -> str:
        return (self.read.authority_key_id or b"").hex()

    @property
    def not_after(self) -> datetime:
        return self.read.not_after

    @property
    def roots(self) -> tuple[bytes, ...]:
        """What is to be in the bundle before this CA signs: DER, itself if self-signed."""
        return self.upstream_roots or (self.certificate,)

    def record(self, slot_id: str, issued_at: int) -> X509CaRecord:
        """Its line in the journal, as prepared. `issued_at` is Unix seconds."""
        return X509CaRecord(
            slot_id=slot_id,
            issued_at=issued_at,
            not_after=int(self.not_after.timestamp()),
            certificate=self.certificate,
            upstream_chain=self.upstream_chain,
            status=Status.PREPARED,
            authority_id=self.authority_id,
            upstream_authority_id=self.upstream_authority_id,
        )


def self_signed(policy: Policy, key: PrivateKey, now: datetime) -> X509Ca:
    """A root for `ca_ttl` seconds from `now`."""
    serial = new_serial()
    made = policy.composition.server_ca(X509CaAttributes(with_serial(policy.ca_subject, serial)))
    issuer, public_key = made.subject.name(), public_bytes(key)
    not_after = now + timedelta(seconds=policy.ca_ttl)
    builder = ca_builder(policy.trust_domain, made, issuer, public_key, serial, now, not_after)
    return X509Ca(builder.sign(key, hash_for(key)).public_bytes(Encoding.DER), key)


def upstream_request(policy: Policy, key: PrivateKey) -> bytes:
    """The CSR in DER that an upstream authority is asked to sign: subject and URI SAN of a CA, and a
    composer's extensions but for policies, which are the signer's to set."""
    made = policy.composition.server_ca(X509CaAttributes(with_serial(policy.ca_subject, new_serial())))
    san = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(policy.trust_domain.uri)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(made.subject.name())
    builder = builder.add_extension(san, critical=False)
    for one in made.extensions:
        builder = builder.add_extension(unrecognized(one), one.critical)
    return builder.sign(key, hash_for(key)).public_bytes(Encoding.DER)


def from_upstream(
    policy: Policy, key: PrivateKey, chain: Sequence[bytes], roots: Sequence[bytes], now: datetime
) -> X509Ca:
    """What an upstream authority answered: chain in DER, our CA first, root left out; and its roots.

    Raises: InvalidArgument if it is not a CA for this key and trust domain, valid at `now`.
    """
    if not chain or not roots:
        raise InvalidArgument("upstream authority returned an empty X.509 CA chain or no roots")
    certificate = read(chain[0])
    if certificate.public_key != public_bytes(key):
        raise InvalidArgument("upstream authority signed another key")
    check_ca(certificate, policy.trust_domain, now)
    if not certificate.subject_key_id:
        raise InvalidArgument("upstream authority signed a CA without a subject key identifier")
    return X509Ca(chain[0], key, tuple(chain), tuple(roots))


def check_ca(certificate: Certificate, trust_domain: TrustDomain, now: datetime) -> None:
    """Raises: InvalidArgument, in the words of SPIRE's credvalidator."""
    try:
        _check_ca_usage(certificate)
        if certificate.uris not in ((), (trust_domain.uri,)):
            raise InvalidArgument(f'expected URI SAN "{trust_domain.uri}" but got {list(certificate.uris)}')
        check_dates(certificate, now)
    except FinialError as why:
        raise why.within("invalid X509 CA") from why


def _check_ca_usage(certificate: Certificate) -> None:
    usage = certificate.key_usage
    if not certificate.is_ca:
        raise InvalidArgument("cA constraint is not set")
    if usage is None or not usage.key_cert_sign:
        raise InvalidArgument("keyCertSign key usage must be set")
    if usage.content_commitment or usage.key_encipherment or usage.data_encipherment or usage.key_agreement:
        raise InvalidArgument("only keyCertSign, cRLSign, or digitalSignature key usage can be set")


def check_dates(certificate: Certificate, now: datetime) -> None:
    if now < certificate.not_before:
        raise InvalidArgument(f"not yet valid until {certificate.not_before:%Y-%m-%dT%H:%M:%SZ}")
    if now > certificate.not_after:
        raise InvalidArgument(f"already expired as of {certificate.not_after:%Y-%m-%dT%H:%M:%SZ}")


def ca_builder(
    trust_domain: TrustDomain,
    attributes: X509CaAttributes,
    issuer: x509.Name,
    public_key: bytes,
    serial: int,
    now: datetime,
    not_after: datetime,
    authority_key_id: bytes | None = None,
) -> x509.CertificateBuilder:
    """A CA certificate but for its signature, extensions in Go's order. Public key is DER."""
    key = load_public_key(public_key)
    usage = key_usage(key_cert_sign=True, crl_sign=True)
    subject = attributes.subject.name()
    builder = (
        x509.CertificateBuilder(issuer, subject, key, serial, now - CUSHION, not_after)
        .add_extension(usage, critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
    if authority_key_id is not None:
        authority = x509.AuthorityKeyIdentifier(authority_key_id, None, None)
        builder = builder.add_extension(authority, critical=False)
    return _with_names_and_more(builder, trust_domain, attributes)


def _with_names_and_more(
    builder: x509.CertificateBuilder, trust_domain: TrustDomain, attributes: X509CaAttributes
) -> x509.CertificateBuilder:
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(trust_domain.uri)])
    builder = builder.add_extension(names, critical=False)
    if attributes.policies:
        policies = [x509.PolicyInformation(x509.ObjectIdentifier(one), None) for one in attributes.policies]
        builder = builder.add_extension(x509.CertificatePolicies(policies), critical=False)
    for one in attributes.extensions:
        builder = builder.add_extension(unrecognized(one), one.critical)
    return builder


def unrecognized(extension: Extension) -> x509.UnrecognizedExtension:
    """As pyca writes it without reading it."""
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(extension.oid), extension.value)


def key_usage(**granted: bool) -> x509.KeyUsage:
    """With the named bits set and all others clear."""
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**{name: granted.get(name, False) for name in names.split()})


def new_serial() -> int:
    """Random, 1 to 2^128 - 1."""
    return 1 + secrets.randbelow(MAX_SERIAL)


def with_serial(subject: Subject, serial: int) -> Subject:
    """A CA's subject names its own serial number unless it names one already."""
    return subject if subject.serial_number else replace(subject, serial_number=str(serial))


def public_bytes(key: PrivateKey) -> bytes:
    """DER SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def hash_for(key: PrivateKey) -> Hash:
    """Go's choice by issuer key: SHA-384 on P-384, SHA-512 on P-521, else SHA-256."""
    size = key.curve.key_size if isinstance(key, ec.EllipticCurvePrivateKey) else 0
    if size == 384:
        return hashes.SHA384()
    if size == 521:
        return hashes.SHA512()
    return hashes.SHA256()


def require_unexpired(what: str, not_after: datetime, now: datetime) -> None:
    """Raises: Internal. Nothing is signed with an authority that has ended."""
    if now >= not_after:
        raise Internal(f"{what} expired at {not_after:%Y-%m-%dT%H:%M:%SZ}: nothing can be signed with it")


def require_begun(what: str, not_before: datetime, now: datetime) -> None:
    """Raises: Unavailable. What an authority signs before it begins is good for nobody; it may pass by itself."""
    if now < not_before:
        raise Unavailable(
            f"{what} is not valid before {not_before:%Y-%m-%dT%H:%M:%SZ}: nothing can be signed with it yet",
            hint="the clock was set back, or was ahead when the CA was made: check it; the server makes another CA",
        )
