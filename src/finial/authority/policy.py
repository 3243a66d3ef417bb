"""What may be signed: a request in, a checked request out that signs once. Pure.

`issue` signs nothing but what these checks return. The name on a certificate comes from the entry, the
agent ID or the operator's own request, never from a workload's CSR, of which only the key is taken.
TTLs are seconds; 0 or less in a request means the configured default. SPIRE 1.15 `credtemplate`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from finial.authority.compose import Composition
from finial.errors import FinialError, Internal, InvalidArgument
from finial.plugin.kinds import Extension, KeyType, X509SvidAttributes
from finial.registry.dns_name import check_dns_name, check_no_overlap
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId, server_id
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import csr as csrs
from finial.svid.subject import MAX_COMMON_NAME, SPIFFE, SPIRE, Subject

_SEAL = object()  # known to this module only: nobody else makes a checked request
MAX_TTL = 100 * 365 * 24 * 3600  # seconds; keeps every date within four-digit years


@dataclass(frozen=True, slots=True)
class X509Request:
    """A leaf to be signed. Public key is DER SubjectPublicKeyInfo, TTL is seconds."""

    id: SpiffeId
    public_key: bytes = field(repr=False)
    subject: Subject
    dns_names: tuple[str, ...]
    ttl: int
    extensions: tuple[Extension, ...] = ()  # after those of the profile


@dataclass(frozen=True, slots=True)
class CaRequest:
    """A CA below ours to be signed."""

    public_key: bytes = field(repr=False)
    ttl: int


@dataclass(frozen=True, slots=True)
class JwtRequest:
    id: SpiffeId
    audience: tuple[str, ...]
    ttl: int
    include_jti: bool


Request = TypeVar("Request", bound=X509Request | CaRequest | JwtRequest)


class Checked(Generic[Request]):
    """A request that passed the policy. Signing takes it: it cannot be used a second time."""

    __slots__ = ("_request",)

    def __init__(self, request: Request, seal: object) -> None:
        if seal is not _SEAL:
            raise Internal("a request to sign was not checked by the policy")
        self._request = [request]

    def take(self) -> Request:
        """The request, to one caller. Raises: Internal at the second call."""
        try:
            return self._request.pop()
        except IndexError:
            raise Internal("a checked request was used twice") from None


CheckedX509 = Checked[X509Request]
CheckedCa = Checked[CaRequest]
CheckedJwt = Checked[JwtRequest]
Compose = Callable[[SpiffeId, bytes, X509SvidAttributes], X509SvidAttributes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The server's settings that bear on credentials. TTLs are seconds."""

    trust_domain: TrustDomain
    ca_ttl: int = 24 * 3600
    x509_svid_ttl: int = 3600
    jwt_svid_ttl: int = 300
    agent_ttl: int = 0  # 0: as x509_svid_ttl
    ca_subject: Subject = SPIFFE
    ca_key_type: KeyType = KeyType.EC_P256
    jwt_key_type: KeyType | None = None  # None: as ca_key_type
    jwt_issuer: str = ""
    refuse_unfit: bool = False  # entries with a lifetime that the CA's may cut short
    composition: Composition = field(default_factory=Composition)

    @property
    def jwt_key(self) -> KeyType:
        return self.jwt_key_type or self.ca_key_type

    def workload(self, entry: Entry, request: csrs.Csr) -> CheckedX509:
        """The X.509-SVID of an entry for the key of a CSR. Costs a signature check: off the loop.

        Raises: InvalidArgument if the CSR does not prove its key or the entry is of another domain.
        """
        self._check_member(entry.spiffe_id)
        request.check_signature()
        return self._leaf(
            entry.spiffe_id,
            request.public_key,
            SPIRE,
            entry.dns_names,
            entry.x509_svid_ttl,
            self.composition.workload,
        )

    def agent(self, agent_id: SpiffeId, request: csrs.Csr) -> CheckedX509:
        """Raises: InvalidArgument."""
        self._check_member(agent_id)
        if not agent_id.is_agent:
            raise InvalidArgument(f'"{agent_id}" is not an agent in trust domain "{self.trust_domain}"')
        request.check_signature()
        return self._leaf(agent_id, request.public_key, SPIRE, (), self.agent_ttl, self.composition.agent)

    def server(self, public_key: bytes) -> CheckedX509:
        """The server's own SVID, for a key it made itself."""
        return self._leaf(server_id(self.trust_domain), public_key, SPIRE, (), 0, self.composition.server)

    def mint(self, request: csrs.Csr, ttl: int = 0) -> CheckedX509:
        """What an operator asks for in a CSR: ID, DNS names and subject are the CSR's, and are judged.

        Raises: InvalidArgument, in the words of SPIRE's MintX509SVID.
        """
        names = request.names()
        request.check_signature()
        if len(names.uris) != 1:
            raise InvalidArgument("only one URI SAN is expected" if names.uris else "CSR URI SAN is required")
        try:
            spiffe_id = SpiffeId.parse(names.uris[0])
            self._check_workload(spiffe_id)
        except FinialError as why:
            raise why.within("CSR URI SAN is invalid") from why
        _check_dns_names(names.dns_names)
        subject = SPIRE if names.subject.empty else names.subject
        return self._leaf(
            spiffe_id, request.public_key, subject, names.dns_names, ttl, self.composition.workload
        )

    def downstream_ca(self, request: csrs.Csr, ttl: int = 0) -> CheckedCa:
        """A CA for a downstream server; of its CSR nothing but the key counts. Raises: InvalidArgument."""
        request.check_signature()
        return Checked(CaRequest(request.public_key, _ttl(ttl, self.ca_ttl)), _SEAL)

    def workload_jwt(self, entry: Entry, audience: Sequence[str]) -> CheckedJwt:
        """The JWT-SVID of an entry. Raises: InvalidArgument."""
        self._check_member(entry.spiffe_id)
        return self._jwt(entry.spiffe_id, audience, entry.jwt_svid_ttl, entry.jwt_svid_include_jti)

    def mint_jwt(self, spiffe_id: SpiffeId, audience: Sequence[str], ttl: int = 0) -> CheckedJwt:
        """Raises: InvalidArgument, in the words of SPIRE's MintJWTSVID."""
        try:
            self._check_workload(spiffe_id)
        except FinialError as why:
            raise why.within("invalid SPIFFE ID") from why
        if not audience:
            raise InvalidArgument("at least one audience is required")
        return self._jwt(spiffe_id, audience, ttl, include_jti=False)

    def _leaf(
        self,
        spiffe_id: SpiffeId,
        public_key: bytes,
        subject: Subject,
        dns_names: tuple[str, ...],
        ttl: int,
        compose: Compose,
    ) -> CheckedX509:
        if not spiffe_id.path:
            raise InvalidArgument(f'"{spiffe_id}" is the ID of a trust domain: no SVID is issued for it')
        for name in dns_names:
            if not name.isascii():
                raise InvalidArgument(f'DNS name "{name}" cannot be encoded: not ASCII')
        if dns_names and len(dns_names[0]) <= MAX_COMMON_NAME:
            subject = replace(subject, common_name=dns_names[0])
        made = X509SvidAttributes(subject, dns_names)
        if self.composition:
            made = compose(spiffe_id, public_key, made)
        lifetime = _ttl(ttl, self.x509_svid_ttl)
        request = X509Request(spiffe_id, public_key, made.subject, made.dns_names, lifetime, made.extensions)
        return Checked(request, _SEAL)

    def _jwt(self, spiffe_id: SpiffeId, audience: Sequence[str], ttl: int, include_jti: bool) -> CheckedJwt:
        kept = tuple(one for one in audience if one)
        if not kept:
            raise Internal("failed to sign JWT-SVID: invalid JWT-SVID audience: cannot be empty")
        return Checked(JwtRequest(spiffe_id, kept, _ttl(ttl, self.jwt_svid_ttl), include_jti), _SEAL)

    def _check_member(self, spiffe_id: SpiffeId) -> None:
        if not spiffe_id.member_of(self.trust_domain):
            raise InvalidArgument(f'"{spiffe_id}" is not a member of trust domain "{self.trust_domain}"')

    def _check_workload(self, spiffe_id: SpiffeId) -> None:
        self._check_member(spiffe_id)
        if not spiffe_id.path:
            why = "path is empty"
        elif spiffe_id.is_reserved:
            why = "path is in the reserved namespace"
        else:
            return
        raise InvalidArgument(f'"{spiffe_id}" is not a workload in trust domain "{self.trust_domain}"; {why}')


def _check_dns_names(names: Sequence[str]) -> None:
    for name in names:
        try:
            check_dns_name(name)
        except InvalidArgument as why:
            raise why.within("CSR DNS name is invalid") from why
    try:
        check_no_overlap(names)
    except InvalidArgument as why:
        raise why.within("CSR DNS name contains a wildcard that covers another non-wildcard name") from why


def _ttl(asked: int, default: int) -> int:
    return min(asked, MAX_TTL) if asked > 0 else default
