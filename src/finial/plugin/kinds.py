"""The kinds of plugin: one Protocol each, of one to four methods. Types only.

A plugin gets its checked configuration and, where its kind needs it, a narrow view of its host; it
never sees the server, the agent or the store. Built-in plugins are called as plain Python objects.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from finial.registry.join_token import JoinToken
from finial.spiffe.bundle import JwtAuthority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.subject import Subject

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class KeyType(StrEnum):
    """Values are SPIRE's configuration words."""

    RSA_2048 = "rsa-2048"
    RSA_4096 = "rsa-4096"
    EC_P256 = "ec-p256"
    EC_P384 = "ec-p384"


class KeyManager(Protocol):
    """Keeps private keys by ID, for the server's authorities and for the agent's own SVID."""

    async def keys(self) -> Mapping[str, PrivateKey]:
        """All keys there are."""

    async def generate(self, key_id: str, key_type: KeyType) -> PrivateKey:
        """A new key under this ID; one that was there is replaced, in one step that a crash cannot split."""


@dataclass(frozen=True, slots=True)
class AttestedNode:
    """What a node proved to be. `once`: refused where that agent is attested already, which is looked at again as it
    is stored: of two that prove the same at once one is believed."""

    agent_id: SpiffeId
    selectors: tuple[Selector, ...] = ()
    can_reattest: bool = False
    once: bool = False


Challenge = Callable[[bytes], Awaitable[bytes]]  # sends a challenge, answers with the response


class ServerHost(Protocol):
    """What a server-side node attestor may ask of the server."""

    @property
    def trust_domain(self) -> TrustDomain: ...

    def now(self) -> float:
        """Unix seconds."""

    def caller_address(self) -> str:
        """IP address of the node whose proof is being checked, as the server sees it: the last hop's."""

    async def take_join_token(self, value: str) -> JoinToken | None:
        """Removes the token and returns it; None if there is none. Of parallel callers one gets it."""

    async def is_attested(self, agent_id: SpiffeId) -> bool:
        """Whether an agent has this ID, banned ones included."""

    async def x509_roots(self) -> tuple[bytes, ...]:
        """DER, of the server's own trust domain as of now."""


class ServerNodeAttestor(Protocol):
    """Checks a node's proof."""

    async def attest(self, payload: bytes, challenge: Challenge) -> AttestedNode:
        """Raises: InvalidArgument for a bad proof, PermissionDenied for a refused one."""


class AgentNodeAttestor(Protocol):
    """Proves this node."""

    async def payload(self) -> bytes:
        """What is sent first."""

    async def respond(self, challenge: bytes) -> bytes:
        """The answer to one challenge. Raises: InvalidArgument if the method knows no challenges."""

    async def close(self) -> None:
        """The attestation that `payload` began is over, however it ended. May be called without one."""


class WorkloadProcess(Protocol):
    """A process pinned since it connected: its number means nothing once `check` fails."""

    @property
    def pid(self) -> int: ...

    @property
    def uid(self) -> int: ...

    @property
    def gid(self) -> int: ...

    def check(self) -> None:
        """Raises: Unavailable if it ended or became another."""


class WorkloadAttestor(Protocol):
    """Tells facts about a process."""

    async def attest(self, process: WorkloadProcess) -> Sequence[Selector]:
        """Selectors of this attestor's type. Raises: Unavailable if they cannot be read."""


@dataclass(frozen=True, slots=True)
class MintedCa:
    """What an upstream authority answers. DER: the asked-for CA first, up to but without a root; all its roots."""

    chain: tuple[bytes, ...]
    roots: tuple[bytes, ...]


class UpstreamAuthority(Protocol):
    """Signs the server's CA, and says what roots are trusted for it."""

    async def mint_x509_ca(self, csr: bytes, preferred_ttl: int) -> MintedCa:
        """`csr` is DER; it ends `preferred_ttl` seconds from now or earlier, with what signs it.

        Raises: InvalidArgument for a request that is refused; Internal or Unavailable if it cannot be signed now.
        """

    async def x509_roots(self) -> tuple[bytes, ...]:
        """DER, as of now: asked again and again, so that a root is known long before something is below it.

        Raises: Unavailable, InvalidArgument if they cannot be told.
        """

    async def publish_jwt_key(self, key: JwtAuthority) -> tuple[JwtAuthority, ...]:
        """All keys that are to be in the server's bundle. Raises: Unsupported if it does not pass on keys."""


@dataclass(frozen=True, slots=True)
class Extension:
    """Of a certificate, beyond those of its profile. `oid` is dotted, `value` the DER inside the octet string."""

    oid: str
    value: bytes
    critical: bool = False


@dataclass(frozen=True, slots=True)
class X509CaAttributes:
    """What a composer may change of a CA. `policies` are the dotted OIDs of certificatePolicies."""

    subject: Subject
    policies: tuple[str, ...] = ()
    extensions: tuple[Extension, ...] = ()


@dataclass(frozen=True, slots=True)
class X509SvidAttributes:
    """What a composer may change of an X509-SVID."""

    subject: Subject
    dns_names: tuple[str, ...] = ()
    extensions: tuple[Extension, ...] = ()


@dataclass(frozen=True, slots=True)
class JwtSvidAttributes:
    """What a composer may change of a JWT-SVID: its claims, as JSON values. Times are Unix seconds."""

    claims: Mapping[str, object]


class CredentialComposer(Protocol):
    """Changes what a credential says before it is signed. A plugin inherits from this class and overrides the
    methods it is for: the others leave things as they are.

    What a method returns is judged again, and what it is not shown it cannot change: key, SPIFFE ID, lifetime
    of a certificate, whether it is a CA. A public key is DER. Methods may block: they are called on signing
    threads, several at a time.
    """

    def server_x509_ca(self, attributes: X509CaAttributes) -> X509CaAttributes:
        """A CA of the server, self-signed or to be signed upstream, or of a server below it."""
        return attributes

    def server_x509_svid(self, attributes: X509SvidAttributes) -> X509SvidAttributes:
        return attributes

    def agent_x509_svid(
        self, agent_id: SpiffeId, public_key: bytes, attributes: X509SvidAttributes
    ) -> X509SvidAttributes:
        return attributes

    def workload_x509_svid(
        self, spiffe_id: SpiffeId, public_key: bytes, attributes: X509SvidAttributes
    ) -> X509SvidAttributes:
        """Also what an operator mints."""
        return attributes

    def workload_jwt_svid(self, spiffe_id: SpiffeId, attributes: JwtSvidAttributes) -> JwtSvidAttributes:
        """Also what an operator mints."""
        return attributes
