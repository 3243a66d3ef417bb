"""Attestation of nodes: proof in, an agent's SVID and its row out. SPIRE 1.15 `AttestAgent`.

    Params -> (challenge -> response)* -> Result

Of the CSR only the key counts. A CSR that cannot be read is refused before the proof is looked at, so
that it burns no join token. The row is written last: an agent that is known has an SVID.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from finial.errors import FailedPrecondition, FinialError, PermissionDenied
from finial.plugin.kinds import AttestedNode, Challenge, ServerNodeAttestor
from finial.registry.agent import Agent
from finial.registry.join_token import JoinToken
from finial.runtime.clock import Clock
from finial.runtime.metrics import Metrics
from finial.server.api.caller import current
from finial.server.sign import Signer
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Committed, Store
from finial.svid import csr
from finial.svid.csr import Csr
from finial.svid.x509 import X509Svid
from finial.wire.status import answers


@dataclass(frozen=True, slots=True)
class Host:
    """Implements `plugin.kinds.ServerHost`: what a node attestor may ask of the server."""

    trust_domain: TrustDomain
    store: Store
    clock: Clock

    def now(self) -> float:
        return self.clock.unix()

    def caller_address(self) -> str:
        return current().caller.host

    async def take_join_token(self, value: str) -> JoinToken | None:
        return (await self.store.take_join_token(value)).value

    async def is_attested(self, agent_id: SpiffeId) -> bool:
        return await self.store.agent(agent_id) is not None

    async def x509_roots(self) -> tuple[bytes, ...]:
        bundle = await self.store.bundle(self.trust_domain)
        return bundle.x509_roots if bundle is not None else ()


@dataclass(frozen=True, slots=True)
class Attestation:
    """An agent as it was stored, and the SVID it is to call with."""

    committed: Committed[Agent]
    svid: X509Svid

    @property
    def agent(self) -> Agent:
        return self.committed.value


class Attestor:
    """`methods`: the node attestors that are configured, by name. `id_as_selector`: an agent's own ID is one of its
    selectors, as `spiffe_id`, so that a node alias may name the agents that it is for."""

    def __init__(
        self,
        store: Store,
        signer: Signer,
        methods: Mapping[str, ServerNodeAttestor],
        metrics: Metrics,
        *,
        id_as_selector: bool = False,
    ) -> None:
        self._store, self._signer, self._methods = store, signer, methods
        self._id_as_selector = id_as_selector
        self._attempts = {
            one: metrics.timed("finial.node_attestation_seconds", method=one) for one in methods
        }
        self._believing = asyncio.Lock()

    async def attest(self, method: str, payload: bytes, request: bytes, challenge: Challenge) -> Attestation:
        """`request` is the CSR in DER. Raises: FailedPrecondition for an unknown method, InvalidArgument,
        PermissionDenied."""
        attestor = self._methods.get(method)
        if attestor is None:
            raise FailedPrecondition(
                f'error getting node attestor: could not find node attestor type "{method}"'
            )
        with self._attempts[method].measured():
            return await self._attest(method, attestor, payload, request, challenge)

    async def _attest(
        self, method: str, attestor: ServerNodeAttestor, payload: bytes, request: bytes, challenge: Challenge
    ) -> Attestation:
        asked = read_csr(request)
        node = await attestor.attest(payload, challenge)
        if self._id_as_selector:
            node = replace(node, selectors=(*node.selectors, Selector("spiffe_id", str(node.agent_id))))
        if not node.once:
            return await self._admit(method, node, asked)
        async with self._believing:
            if await self._store.agent(node.agent_id) is not None:
                raise PermissionDenied("attestation data has already been used to attest an agent")
            return await self._admit(method, node, asked)

    async def _admit(self, method: str, node: AttestedNode, asked: Csr) -> Attestation:
        await self._require_not_banned(node.agent_id)
        svid = await self._sign(node.agent_id, asked)
        with answers("failed to attest"):
            committed = await self._store.put_agent(agent_of(method, node, svid))
        return Attestation(committed, svid)

    async def renew(self, agent_id: SpiffeId, request: bytes) -> Attestation:
        """A further SVID; the one in force stays so until this is used. Raises: InvalidArgument, NotFound."""
        asked = read_csr(request)
        svid = await self._sign(agent_id, asked)
        serial, expires_at = str(svid.serial_number), int(svid.not_after.timestamp())
        with answers("failed to update agent"):
            return Attestation(await self._store.set_renewal(agent_id, serial, expires_at), svid)

    async def _require_not_banned(self, agent_id: SpiffeId) -> None:
        known = await self._store.agent(agent_id)
        if known is not None and known.banned:
            raise PermissionDenied("failed to attest: agent is banned")

    async def _sign(self, agent_id: SpiffeId, asked: Csr) -> X509Svid:
        with answers("failed to sign X509 SVID"):
            return await self._signer.x509(lambda policy: policy.agent(agent_id, asked), asked)


def read_csr(request: bytes) -> Csr:
    """Raises: InvalidArgument."""
    try:
        return csr.parse(request)
    except FinialError as why:
        raise type(why)(f"failed to parse CSR: {why.message.removeprefix('malformed CSR: ')}") from why


def agent_of(method: str, node: AttestedNode, svid: X509Svid) -> Agent:
    """Its row: selectors once each, by type and value."""
    return Agent(
        id=node.agent_id,
        attestation_type=method,
        serial_number=str(svid.serial_number),
        expires_at=int(svid.not_after.timestamp()),
        can_reattest=node.can_reattest,
        selectors=tuple(sorted(set(node.selectors))),
    )
