"""TLS of an endpoint that is SPIFFE's: it shows the program's SVID or a certificate from files, and knows its readers.

A reader is whom the bundle of its own trust domain vouches for and the configuration names; with none named no
certificate is asked for. What changes, changes from the next handshake.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from finial.errors import Internal, InvalidArgument, PermissionDenied
from finial.runtime.tls import FollowingContext, Material
from finial.spiffe.id import SpiffeId


@dataclass(frozen=True, slots=True)
class TlsExport:
    """Files are PEM; without a certificate the program's own SVID is shown. `readers` empty: see `client_ca`."""

    certificate: str = ""
    key: str = ""
    client_ca: str = ""
    readers: frozenset[SpiffeId] = frozenset()

    @property
    def is_spiffe(self) -> bool:
        """Whether the endpoint needs the program's SVID or trust bundle."""
        return not self.certificate or bool(self.readers)

    def context(self) -> ssl.SSLContext:
        """Of an endpoint that is none of SPIFFE's. Raises: InvalidArgument."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.certificate, self.key)
            if self.client_ca:
                context.load_verify_locations(self.client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except OSError as why:
            raise self.unusable(why) from why
        return context

    def unusable(self, why: Exception) -> InvalidArgument:
        files = ", ".join(f'"{one}"' for one in (self.certificate, self.key, self.client_ca) if one)
        return InvalidArgument(f"failed to create TLS config for Prometheus: {files}: {why}")


@dataclass(frozen=True, slots=True)
class Identity:
    """DER, leaf first; DER PKCS#8."""

    chain: tuple[bytes, ...]
    key: bytes = field(repr=False)


class ReaderContext:
    """`follow` it with what the program trusts and is; the `context` is there from the first time on."""

    def __init__(self, tls: TlsExport) -> None:
        """Raises: InvalidArgument for files that cannot be used."""
        self._readers = tls.readers
        self._from_files = _read(tls) if tls.certificate else None
        self._context: FollowingContext | None = None

    @property
    def context(self) -> FollowingContext:
        if self._context is None:
            raise Internal("the endpoint for metrics has no identity yet")
        return self._context

    def follow(self, bundles: Mapping[str, tuple[bytes, ...]], own: Identity) -> None:
        """`bundles`: trust domain name -> roots, DER; those of the readers are used."""
        domains = {one.trust_domain.name for one in self._readers}
        trusted = {name: roots for name, roots in bundles.items() if name in domains}
        shown = self._from_files or own
        material = Material(trusted, shown.chain, shown.key, alpn=("http/1.1",))
        if self._context is None:
            auth = ssl.CERT_REQUIRED if self._readers else ssl.CERT_NONE
            self._context = FollowingContext(material, self._authorize, server_side=True, client_auth=auth)
        else:
            self._context.set(material)

    def _authorize(self, peer: SpiffeId) -> None:
        if peer not in self._readers:
            raise PermissionDenied(f'"{peer}" is not among authorized_spiffe_ids')


def _read(tls: TlsExport) -> Identity:
    try:
        certificates = x509.load_pem_x509_certificates(Path(tls.certificate).read_bytes())
        key = load_pem_private_key(Path(tls.key).read_bytes(), None)
    except (OSError, ValueError, TypeError) as why:
        raise tls.unusable(why) from why
    return Identity(
        tuple(one.public_bytes(Encoding.DER) for one in certificates),
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    )
