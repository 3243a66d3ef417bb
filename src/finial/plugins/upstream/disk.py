"""UpstreamAuthority "disk": a CA whose certificate and key are in PEM files signs the server's CA.

The files are read at the start, where they must be good, and again each time something is signed: files that
are bad by then are passed over, and what was read last goes on. Without a bundle file the CA must be a single
self-signed certificate, which is the root. SPIRE 1.15 `upstreamauthority/disk`, whose words these are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from finial.config.options import option
from finial.errors import FinialError, InvalidArgument, Unsupported
from finial.plugin.kinds import MintedCa, PrivateKey, ServerHost
from finial.plugins.upstream.mint import mint
from finial.plugins.upstream.private_key import load_pem
from finial.spiffe.bundle import JwtAuthority
from finial.spiffe.bundle_document import parse_pem
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.certificate import Certificate, read
from finial.svid.verify import PathSearch

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    cert_file_path: str = option(
        "", "PEM file of the upstream CA, with intermediates up to its root behind it."
    )
    key_file_path: str = option("", "PEM file of the upstream CA's private key: PKCS #8, PKCS #1 or SEC 1.")
    bundle_file_path: str = option(
        "", "PEM file of the roots. Without it, `cert_file_path` holds one self-signed certificate."
    )


@dataclass(frozen=True, slots=True)
class Authority:
    """What the files hold. `chain` is DER, the CA first; empty if it is a root itself."""

    certificate: Certificate
    private_key: PrivateKey = field(repr=False)
    chain: tuple[bytes, ...]
    roots: tuple[bytes, ...]


class Disk:
    """Implements `plugin.kinds.UpstreamAuthority`. Raises: InvalidArgument for options and files."""

    def __init__(self, config: Config, host: ServerHost) -> None:
        if not (config.cert_file_path and config.key_file_path):
            raise InvalidArgument("'cert_file_path' and 'key_file_path' must be set and not empty")
        self._config, self._host = config, host
        self._authority = load(config, host.trust_domain, self._now())

    async def mint_x509_ca(self, csr: bytes, preferred_ttl: int) -> MintedCa:
        """Raises: InvalidArgument for a request that is refused, Internal if the upstream CA has expired."""
        return await asyncio.to_thread(self._mint, csr, preferred_ttl)

    def _mint(self, csr: bytes, preferred_ttl: int) -> MintedCa:
        with suppress(InvalidArgument):  # half-written files: what was read before signs, as in SPIRE
            self._authority = load(self._config, self._host.trust_domain, self._now())
        one = self._authority
        certificate = mint(
            csr, one.certificate.parsed, one.private_key, self._host.trust_domain, self._now(), preferred_ttl
        )
        return MintedCa((certificate, *one.chain), one.roots)

    async def x509_roots(self) -> tuple[bytes, ...]:
        """Raises: InvalidArgument while the files cannot be used."""
        loaded = await asyncio.to_thread(load, self._config, self._host.trust_domain, self._now())
        return loaded.roots

    async def publish_jwt_key(self, key: JwtAuthority) -> tuple[JwtAuthority, ...]:
        raise Unsupported("publishing upstream is unsupported")

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._host.now(), UTC)


def load(config: Config, trust_domain: TrustDomain, now: datetime) -> Authority:
    """Of the files, held against each other. Raises: InvalidArgument, in SPIRE's words."""

    def certificates(data: bytes) -> tuple[bytes, ...]:
        return parse_pem(data, trust_domain).x509_roots

    key = _read_file("key", config.key_file_path, load_pem)
    certs = _read_file("cert", config.cert_file_path, certificates)
    if config.bundle_file_path:
        roots = _read_file("bundle", config.bundle_file_path, certificates)
        chain = certs
    elif len(certs) != 1:
        raise InvalidArgument("with no bundle_file_path configured only self-signed CAs are supported")
    else:
        roots, chain = certs, ()
    certificate = read(certs[0])
    if certificate.parsed.public_key() != key.public_key():
        raise InvalidArgument("unable to load upstream CA: certificate and private key do not match")
    _check_path(certificate, certs, roots, now)
    return Authority(certificate, key, chain, roots)


def _check_path(
    certificate: Certificate, certs: Sequence[bytes], roots: Sequence[bytes], now: datetime
) -> None:
    """One that is itself among the roots is trusted, while it is valid."""
    search = PathSearch([read(der) for der in certs], [read(der) for der in roots], now, spiffe=False)
    found = next(search.paths((certificate,)), None) is not None
    is_valid_root = certificate.der in roots and certificate.not_before <= now <= certificate.not_after
    if not (found or is_valid_root):
        raise InvalidArgument(
            "unable to load upstream CA: certificate cannot be validated with the provided bundle or is not self-signed",
            hint=f"no way to a root was found: {search.why}",
        )


def _read_file(what: str, path: str, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(Path(path).read_bytes())
    except OSError as why:
        reason = f"open {path}: {(why.strerror or str(why)).lower()}"
        raise InvalidArgument(f"unable to load upstream CA {what}: {reason}") from why
    except FinialError as why:
        raise InvalidArgument(f"unable to load upstream CA {what}: {why.message}") from why
