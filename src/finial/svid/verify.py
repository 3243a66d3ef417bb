"""Does a bundle trust this X.509-SVID now? DER chain, bundles and time in, the identity out. Pure.

A path is looked for from the leaf over the presented intermediates to any root of the leaf's own trust
domain; a root may itself be signed by something that is not known here (a partial chain). Checked at
each step: names and key identifiers chain, the signature holds with SHA-2, the issuer is a CA that may
sign certificates, its path length and name constraints hold, it is valid now, and its own SPIFFE ID,
where it has one, has no path. Presented certificates are never trusted for being there.
Spec: X509-SVID 5, RFC 5280 6.1. The bounds keep a hostile chain from costing more than a few ms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes

from finial.errors import InvalidArgument, Unauthenticated
from finial.spiffe.bundle import BundleSet
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import SCHEME
from finial.svid.certificate import FAULTS, Certificate, read
from finial.svid.x509 import MAX_CHAIN_LENGTH, X509Svid, from_leaf, read_leaf

MAX_SIGNATURE_CHECKS = 32  # over all paths that are tried; an honest chain needs one each
STRONG = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


def verify_x509(chain: Sequence[bytes], bundles: BundleSet, now: datetime) -> X509Svid:
    """The checked SVID, if a root of the bundle of its own trust domain vouches for it at `now`.

    `chain` is DER, leaf first. Raises: InvalidArgument for a leaf that is no X.509-SVID or a certificate
    that cannot be read, Unauthenticated for one that is not trusted. Spec: X509-SVID 5.
    """
    leaf = read_leaf(chain)
    svid = from_leaf(leaf, chain)
    bundle = bundles.get(svid.id.trust_domain)
    if bundle is None:
        raise Unauthenticated(f'x509-svid: no bundle for trust domain "{svid.id.trust_domain}"')
    intermediates = [_presented(der) for der in chain[1:]]
    anchors = [anchor for der in bundle.x509_roots if (anchor := _anchor(der)) is not None]
    if not anchors:
        raise Unauthenticated(f'x509-svid: bundle of "{svid.id.trust_domain}" has no usable root')
    search = PathSearch(intermediates, anchors, now)
    if next(search.paths((leaf,)), None) is None:
        raise Unauthenticated(f'x509-svid: "{svid.id}" is not trusted: {search.why}')
    return svid


def _presented(der: bytes) -> Certificate:
    try:
        return read(der)
    except InvalidArgument as why:
        raise why.within("x509-svid: intermediate") from why


@lru_cache(maxsize=1024)
def _anchor(der: bytes) -> Certificate | None:
    """A root of a bundle; None for one that cannot be read, which then vouches for nothing."""
    try:
        return read(der)
    except InvalidArgument:
        return None


@dataclass(slots=True)
class PathSearch:
    """Depth first over the possible issuers, within a budget of signature checks. `why` tells what was in the way.

    `spiffe`: presented issuers must tell their key usage, and no issuer may hold a SPIFFE ID with a path.
    """

    intermediates: Sequence[Certificate]
    anchors: Sequence[Certificate]
    now: datetime
    spiffe: bool = True
    why: str = "certificate signed by unknown authority"
    checks: int = field(default=0)

    def paths(self, path: tuple[Certificate, ...]) -> Iterator[tuple[Certificate, ...]]:
        """Every way on to an anchor, which is the last. `path` is leaf first, each signed by the next, and
        already judged but for its end."""
        if not self._valid_now(path[-1]):
            return
        for anchor in self.anchors:
            if anchor.der == path[-1].der and len(path) > 1:
                yield path  # a presented intermediate is itself an anchor: judged when it joined the path
            elif self._vouches(anchor, path):
                yield (*path, anchor)
        if len(path) >= MAX_CHAIN_LENGTH:
            return
        for issuer in self._candidates(path):
            if self._may_issue(issuer, path, presented=True) and self._signed(path[-1], issuer):
                yield from self.paths((*path, issuer))

    def _candidates(self, path: tuple[Certificate, ...]) -> Iterator[Certificate]:
        return (one for one in self.intermediates if one not in path)

    def _vouches(self, anchor: Certificate, path: tuple[Certificate, ...]) -> bool:
        return (
            self._may_issue(anchor, path, presented=False)
            and self._valid_now(anchor)
            and self._signed(path[-1], anchor)
        )

    def _valid_now(self, certificate: Certificate) -> bool:
        if self.now < certificate.not_before:
            return self._refuse(
                f"certificate is not valid before {certificate.not_before:%Y-%m-%dT%H:%M:%SZ}"
            )
        if self.now > certificate.not_after:
            return self._refuse(f"certificate expired at {certificate.not_after:%Y-%m-%dT%H:%M:%SZ}")
        return True

    def _may_issue(self, issuer: Certificate, path: tuple[Certificate, ...], *, presented: bool) -> bool:
        """All that can be told without a signature. A presented issuer must tell its key usage."""
        if not _names_chain(path[-1], issuer):
            return False
        if not issuer.may_sign_certificates or (presented and self.spiffe and issuer.key_usage is None):
            return self._refuse("issuer may not sign certificates")
        if issuer.path_length is not None and _below(path) > issuer.path_length:
            return self._refuse("too many intermediates for the path length of an issuer")
        if self.spiffe and any(_has_path(uri) for uri in issuer.uris):
            return self._refuse("issuer holds a SPIFFE ID with a path")
        if issuer.name_constraints is not None and not all(
            _permitted(one, issuer.name_constraints) for one in path
        ):
            return self._refuse("name constraints of an issuer forbid the names")
        return True

    def _signed(self, certificate: Certificate, issuer: Certificate) -> bool:
        self.checks += 1
        if self.checks > MAX_SIGNATURE_CHECKS:
            return self._refuse("too many possible chains")
        try:
            if not isinstance(certificate.parsed.signature_hash_algorithm, STRONG):
                return self._refuse("signature algorithm is not allowed")
            certificate.parsed.verify_directly_issued_by(issuer.parsed)
        except (InvalidSignature, *FAULTS):
            return self._refuse("certificate signed by unknown authority")
        return True

    def _refuse(self, why: str) -> bool:
        self.why = why
        return False


def _names_chain(certificate: Certificate, issuer: Certificate) -> bool:
    if certificate.issuer != issuer.subject:
        return False
    wanted, has = certificate.authority_key_id, issuer.subject_key_id
    return wanted is None or has is None or wanted == has


def _below(path: tuple[Certificate, ...]) -> int:
    """CAs between an issuer and the leaf; self-issued ones do not count, RFC 5280 4.2.1.9."""
    return sum(1 for one in path[1:] if one.issuer != one.subject)


def _has_path(uri: str) -> bool:
    if not uri.startswith(SCHEME):
        return False
    try:
        return bool(SpiffeId.parse(uri).path)
    except InvalidArgument:
        return True


def _permitted(certificate: Certificate, constraints: x509.NameConstraints) -> bool:
    """URI hosts and DNS names against the subtrees; a constraint of another kind is not understood and
    forbids everything, and one on hosts forbids a URI that has no host by name (RFC 5280 4.2.1.10)."""
    permitted, excluded = (
        _Subtrees.of(constraints.permitted_subtrees),
        _Subtrees.of(constraints.excluded_subtrees),
    )
    if not (permitted.understood and excluded.understood):
        return False
    hosts = [_host(uri) for uri in certificate.uris]
    if (permitted.hosts or excluded.hosts) and "" in hosts:
        return False
    return all(
        not any(within(name, tree) for tree in denied)
        and (not allowed or any(within(name, tree) for tree in allowed))
        for names, within, allowed, denied in (
            (certificate.dns_names, _within_dns, permitted.dns, excluded.dns),
            (hosts, _within_host, permitted.hosts, excluded.hosts),
        )
        for name in names
    )


def _host(uri: str) -> str:
    """Its name; empty where there is none, or an address, or no URI at all."""
    try:
        host = urlsplit(uri).hostname or ""
    except ValueError:
        return ""
    return "" if _is_address(host) else host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Subtrees:
    dns: tuple[str, ...]
    hosts: tuple[str, ...]
    understood: bool

    @classmethod
    def of(cls, trees: Iterable[x509.GeneralName] | None) -> _Subtrees:
        given = tuple(trees or ())
        dns = tuple(one.value.lower() for one in given if isinstance(one, x509.DNSName))
        hosts = tuple(one.value.lower() for one in given if isinstance(one, x509.UniformResourceIdentifier))
        return cls(dns, hosts, len(dns) + len(hosts) == len(given))


def _within_dns(name: str, tree: str) -> bool:
    """A DNS subtree holds the name itself and all below it."""
    return not tree or ("." + name.lower().rstrip(".")).endswith("." + tree.lstrip("."))


def _within_host(host: str, tree: str) -> bool:
    """A URI subtree is one host, or with a leading dot all hosts below."""
    return not tree or (host.endswith(tree) if tree.startswith(".") else host == tree)
