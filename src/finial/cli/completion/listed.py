"""The things that a server has, each with the name by which a flag takes it: one list a kind, read as it is needed.

In: a server's API. Out: pairs of a name and what it is. The kinds are those of `flag(refers_to=...)`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from types import MappingProxyType

from finial.cli.notation import id_text
from finial.cli.paging import pages
from finial.wire.client import ServerApi
from finial.wire.pb.spire.api.server.agent.v1.agent_pb2 import ListAgentsRequest
from finial.wire.pb.spire.api.server.bundle.v1.bundle_pb2 import ListFederatedBundlesRequest
from finial.wire.pb.spire.api.server.entry.v1.entry_pb2 import ListEntriesRequest
from finial.wire.pb.spire.api.server.localauthority.v1 import localauthority_pb2 as authority
from finial.wire.pb.spire.api.server.trustdomain.v1.trustdomain_pb2 import ListFederationRelationshipsRequest
from finial.wire.pb.spire.api.types.agent_pb2 import AgentMask
from finial.wire.pb.spire.api.types.bundle_pb2 import BundleMask
from finial.wire.pb.spire.api.types.entry_pb2 import EntryMask

Found = tuple[str, str]
STATES = ("old", "prepared", "active")


async def _entries(api: ServerApi) -> AsyncGenerator[tuple[str, str, str], None]:
    """ID, SPIFFE ID, parent ID."""
    request = ListEntriesRequest(output_mask=EntryMask(spiffe_id=True, parent_id=True))
    async for page in pages(api.entry.ListEntries, request):
        for one in page.entries:
            yield one.id, id_text(one.spiffe_id), id_text(one.parent_id)


async def entries(api: ServerApi) -> AsyncGenerator[Found, None]:
    async for entry_id, spiffe_id, _ in _entries(api):
        yield entry_id, spiffe_id


async def spiffe_ids(api: ServerApi) -> AsyncGenerator[Found, None]:
    async for _, spiffe_id, parent_id in _entries(api):
        yield spiffe_id, f"below {parent_id}"


async def parents(api: ServerApi) -> AsyncGenerator[Found, None]:
    """Agents, and what entries have as their parents."""
    async for found in agents(api):
        yield found
    async for _, _, parent_id in _entries(api):
        yield parent_id, "parent of entries"


async def agents(api: ServerApi) -> AsyncGenerator[Found, None]:
    request = ListAgentsRequest(output_mask=AgentMask(attestation_type=True, banned=True))
    async for page in pages(api.agent.ListAgents, request):
        for one in page.agents:
            yield id_text(one.id), f"{'banned ' if one.banned else ''}agent, {one.attestation_type}"


async def bundles(api: ServerApi) -> AsyncGenerator[Found, None]:
    request = ListFederatedBundlesRequest(output_mask=BundleMask())
    async for page in pages(api.bundle.ListFederatedBundles, request):
        for one in page.bundles:
            yield one.trust_domain, ""


async def relationships(api: ServerApi) -> AsyncGenerator[Found, None]:
    request = ListFederationRelationshipsRequest()
    async for page in pages(api.trust_domain.ListFederationRelationships, request):
        for one in page.federation_relationships:
            yield one.trust_domain, one.bundle_endpoint_url


async def x509_authorities(api: ServerApi) -> AsyncGenerator[Found, None]:
    for state, one in await _x509(api):
        yield one.authority_id, state


async def jwt_authorities(api: ServerApi) -> AsyncGenerator[Found, None]:
    reply = await api.local_authority.GetJWTAuthorityState(authority.GetJWTAuthorityStateRequest())
    for state in STATES:
        yield getattr(reply, state).authority_id, state


async def upstream_authorities(api: ServerApi) -> AsyncGenerator[Found, None]:
    for state, one in await _x509(api):
        yield one.upstream_authority_subject_key_id, f"above the {state} authority"


async def _x509(api: ServerApi) -> list[tuple[str, authority.AuthorityState]]:
    """By state; empty where there is none."""
    reply = await api.local_authority.GetX509AuthorityState(authority.GetX509AuthorityStateRequest())
    return [(state, getattr(reply, state)) for state in STATES]


LISTS: Mapping[str, Callable[[ServerApi], AsyncGenerator[Found, None]]] = MappingProxyType(
    {
        "entry": entries,
        "spiffe_id": spiffe_ids,
        "parent": parents,
        "agent": agents,
        "bundle": bundles,
        "relationship": relationships,
        "x509_authority": x509_authorities,
        "jwt_authority": jwt_authorities,
        "upstream_authority": upstream_authorities,
    }
)
