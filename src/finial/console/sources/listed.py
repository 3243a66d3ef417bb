"""What a server lists, as values: in pages, whichever server it is. Raises what the calls raise."""

from __future__ import annotations

from collections.abc import AsyncIterator

from finial.console.readings import Authority
from finial.errors import FinialError
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.runtime.grpc import unary
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.wire.client import ServerApi
from finial.wire.convert.agent import agent_from_wire
from finial.wire.convert.bundle import bundle_from_wire
from finial.wire.convert.entry import entry_from_wire
from finial.wire.convert.id import id_to_wire
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.localauthority.v1 import localauthority_pb2

PAGE = 500


class Listed:
    def __init__(self, api: ServerApi) -> None:
        self._api = api

    async def bundle(self) -> Bundle:
        return bundle_from_wire(await unary(self._api.bundle.GetBundle, bundle_pb2.GetBundleRequest()))

    async def entry(self, entry_id: str) -> Entry:
        return entry_from_wire(await unary(self._api.entry.GetEntry, entry_pb2.GetEntryRequest(id=entry_id)))

    async def agent(self, agent_id: SpiffeId) -> Agent:
        request = agent_pb2.GetAgentRequest(id=id_to_wire(agent_id))
        return agent_from_wire(await unary(self._api.agent.GetAgent, request))

    async def counts(self) -> tuple[int, int]:
        """Entries and agents."""
        entries = await unary(self._api.entry.CountEntries, entry_pb2.CountEntriesRequest())
        agents = await unary(self._api.agent.CountAgents, agent_pb2.CountAgentsRequest())
        return entries.count, agents.count

    async def entries(self) -> AsyncIterator[Entry]:
        request = entry_pb2.ListEntriesRequest(page_size=PAGE)
        while True:
            page = await unary(self._api.entry.ListEntries, request)
            for entry in page.entries:
                yield entry_from_wire(entry)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def agents(self) -> AsyncIterator[Agent]:
        request = agent_pb2.ListAgentsRequest(page_size=PAGE)
        while True:
            page = await unary(self._api.agent.ListAgents, request)
            for agent in page.agents:
                yield agent_from_wire(agent)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def federated(self) -> AsyncIterator[Bundle]:
        request = bundle_pb2.ListFederatedBundlesRequest(page_size=PAGE)
        while True:
            page = await unary(self._api.bundle.ListFederatedBundles, request)
            for bundle in page.bundles:
                yield bundle_from_wire(bundle)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


async def authorities(api: ServerApi) -> tuple[tuple[Authority, ...], tuple[Authority, ...]]:
    """X.509 and JWT, active first; none where the server has none to tell."""
    pb = localauthority_pb2
    try:
        x509 = await unary(api.local_authority.GetX509AuthorityState, pb.GetX509AuthorityStateRequest())
        jwt = await unary(api.local_authority.GetJWTAuthorityState, pb.GetJWTAuthorityStateRequest())
    except FinialError:
        return (), ()
    return slots(x509), slots(jwt)


def slots(
    told: localauthority_pb2.GetX509AuthorityStateResponse | localauthority_pb2.GetJWTAuthorityStateResponse,
) -> tuple[Authority, ...]:
    named = (("active", told.active), ("prepared", told.prepared), ("old", told.old))
    return tuple(
        Authority(one.authority_id, slot, float(one.expires_at), one.upstream_authority_subject_key_id)
        for slot, one in named
        if one.authority_id
    )
