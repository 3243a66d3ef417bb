"""Certificate authorities for tests, made at run time: roots, intermediates and leaves, also faulty ones.

Everything is right by default and one thing can be made wrong at a time. Keys are P-256 and die with the
process, unless a test writes them to its own folder for a foreign program.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from finial.runtime.clock import SystemClock

LIFETIME = timedelta(hours=1)
BOTH_ROLES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


@dataclass(frozen=True, slots=True)
class Issued:
    """A leaf with its key. `chain`: DER, leaf first, root left out. `key`: DER PKCS#8."""

    chain: tuple[bytes, ...]
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def key(self) -> bytes:
        return self.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """PEM files for a foreign program. Returns: the chain's path, the key's path (mode 0600)."""
        chain, key = folder / f"{name}.pem", folder / f"{name}.key"
        chain.write_text("".join(ssl.DER_cert_to_PEM_cert(der) for der in self.chain))
        key.touch(mode=0o600)
        key.write_bytes(self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return chain, key


class TestCa:
    """A CA of one trust domain. `trust_domain` is any text that can stand in a URI."""

    __test__ = False  # for pytest: a tool, not a test

    def __init__(
        self,
        trust_domain: str = "example.org",
        *,
        name: str = "root",
        now: datetime | None = None,
        lifetime: timedelta = LIFETIME,
        issuer: TestCa | None = None,
        path_length: int | None = None,
        private_key: ec.EllipticCurvePrivateKey | None = None,
        subject_key_id: bytes | None = None,
    ) -> None:
        """Self-signed without `issuer`. A given `subject_key_id` or name can copy another CA's."""
        self.trust_domain, self.name = trust_domain, name
        self.now = now or SystemClock().now()
        self.issuer = issuer
        self.private_key = private_key or ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.subject_key_id = subject_key_id or _key_id(self.private_key)
        builder = self._builder(self.subject, self.private_key, self.now + lifetime)
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(_uris([f"spiffe://{trust_domain}"]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier(self.subject_key_id), critical=False)
        )
        signer = issuer or self
        self.certificate = _signed(builder, signer)
        self.der = self.certificate.public_bytes(Encoding.DER)

    @property
    def chain(self) -> tuple[bytes, ...]:
        """DER of this CA and those above it, the root left out: what goes after a leaf."""
        return () if self.issuer is None else (self.der, *self.issuer.chain)

    def intermediate(self, name: str = "intermediate", *, path_length: int | None = None) -> TestCa:
        return TestCa(self.trust_domain, name=name, now=self.now, issuer=self, path_length=path_length)

    def leaf(
        self,
        path: str = "/workload",
        *,
        uris: Sequence[str] | None = None,
        dns: Sequence[str] = (),
        ca: bool = False,
        digital_signature: bool = True,
        key_cert_sign: bool = False,
        crl_sign: bool = False,
        extended_key_usage: Sequence[x509.ObjectIdentifier] = BOTH_ROLES,
        lifetime: timedelta = LIFETIME,
        private_key: ec.EllipticCurvePrivateKey | None = None,
    ) -> Issued:
        """An X.509-SVID of `path` in this CA's trust domain, or with exactly the given `uris`.

        A negative `lifetime` makes one that has expired.
        """
        key = private_key or ec.generate_private_key(ec.SECP256R1())
        names = [f"spiffe://{self.trust_domain}{path}"] if uris is None else list(uris)
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Finial")])
        builder = self._builder(subject, key, self.now + lifetime)
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        builder = builder.add_extension(
            _usage(digital_signature=digital_signature, key_cert_sign=key_cert_sign, crl_sign=crl_sign),
            critical=True,
        )
        if extended_key_usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(extended_key_usage), critical=False)
        if names or dns:
            builder = builder.add_extension(_uris(names, dns), critical=False)
        leaf = _signed(builder, self).public_bytes(Encoding.DER)
        return Issued((leaf, *self.chain), key)

    def write(self, path: Path) -> Path:
        """The CA's certificate as PEM."""
        path.write_text(ssl.DER_cert_to_PEM_cert(self.der))
        return path

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, not_after: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(self.now, not_after) - timedelta(hours=1))
            .not_valid_after(not_after)
        )


def _signed(builder: x509.CertificateBuilder, signer: TestCa) -> x509.Certificate:
    return (
        builder.issuer_name(signer.subject)
        .add_extension(
            x509.AuthorityKeyIdentifier(signer.subject_key_id, None, None),
            critical=False,
        )
        .sign(signer.private_key, hashes.SHA256())
    )


def _key_id(key: ec.EllipticCurvePrivateKey) -> bytes:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest


def _uris(uris: Sequence[str], dns: Sequence[str] = ()) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([*map(x509.UniformResourceIdentifier, uris), *map(x509.DNSName, dns)])


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
