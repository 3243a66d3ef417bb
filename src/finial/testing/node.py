"""Both halves of a node attestation without a network, for tests of node attestors.

node = await prove(server_half, agent_half)

What travels can be looked at and changed on its way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
)

from finial.plugin.kinds import AgentNodeAttestor, AttestedNode, ServerNodeAttestor
from finial.registry.join_token import JoinToken
from finial.runtime.clock import SystemClock
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain

SshKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass
class NodeHost:
    """Implements `plugin.kinds.ServerHost` on values."""

    trust_domain: TrustDomain = field(default=TrustDomain("example.org"))
    address: str = "192.0.2.1"
    attested: set[SpiffeId] = field(default_factory=set)
    roots: tuple[bytes, ...] = ()

    def now(self) -> float:
        return SystemClock().unix()

    def caller_address(self) -> str:
        return self.address

    async def take_join_token(self, value: str) -> JoinToken | None:
        return None

    async def is_attested(self, agent_id: SpiffeId) -> bool:
        return agent_id in self.attested

    async def x509_roots(self) -> tuple[bytes, ...]:
        return self.roots


@dataclass
class Exchange:
    """What travelled, and what is done to a response on its way."""

    payload: bytes = b""
    challenges: list[bytes] = field(default_factory=list)
    responses: list[bytes] = field(default_factory=list)
    forge: Callable[[bytes], bytes] = lambda response: response


async def prove(
    server: ServerNodeAttestor, agent: AgentNodeAttestor, exchange: Exchange | None = None
) -> AttestedNode:
    """Raises: what either half raises."""
    seen = exchange or Exchange()

    async def challenge(data: bytes) -> bytes:
        seen.challenges.append(data)
        seen.responses.append(seen.forge(await agent.respond(data)))
        return seen.responses[-1]

    try:
        seen.payload = await agent.payload()
        return await server.attest(seen.payload, challenge)
    finally:
        await agent.close()


@dataclass(frozen=True, slots=True)
class SshAuthority:
    """Signs host certificates. Valid from an hour ago for `lifetime` seconds from now, unless told."""

    key: SshKey = field(default_factory=ed25519.Ed25519PrivateKey.generate)

    @property
    def line(self) -> str:
        """As in `authorized_keys`."""
        return self.key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    def host(
        self,
        folder: Path,
        key: SshKey | None = None,
        *,
        principals: tuple[str, ...] = ("web-1.example.org",),
        lifetime: float = 3600.0,
        kind: SSHCertificateType = SSHCertificateType.HOST,
        critical: bool = False,
        signed_for: SshKey | None = None,
    ) -> tuple[Path, Path]:
        """Files of a host: key, certificate. `signed_for`: whose key is in the certificate, if another's."""
        key = key or ed25519.Ed25519PrivateKey.generate()
        now = SystemClock().unix()
        builder = (
            SSHCertificateBuilder()
            .public_key((signed_for or key).public_key())
            .type(kind)
            .key_id(b"host/key")
            .serial(7)
            .valid_after(int(now - 7200))
            .valid_before(int(now + lifetime))
        )
        names = [one.encode() for one in principals]
        builder = builder.valid_principals(names) if names else builder.valid_for_all_principals()  # type: ignore[no-untyped-call]  # in cryptography
        if critical:
            builder = builder.add_critical_option(b"force-command", b"x")
        private, public = folder / "host_key", folder / "host_key-cert.pub"
        private.touch(mode=0o600)
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        public.write_bytes(builder.sign(self.key).public_bytes())
        return private, public
