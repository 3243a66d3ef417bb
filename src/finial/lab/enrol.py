"""What the launcher asks of the server: is it well, its bundle, a join token, entries, the end of old agents.

Entries hang below the alias `spiffe://<trust domain>/lab/node`, which each token brings with it, so they
outlive any one agent. Everything may be asked again: what is there already is brought up to date.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from finial.errors import FinialError, Internal, NotFound, Unavailable
from finial.lab.topology import VERIFIER, VERIFIER_TTL, Topology, selector_of
from finial.runtime import private_file
from finial.spiffe import bundle_document
from finial.spiffe.id import SpiffeId, agent_id
from finial.wire.client import ServerApi
from finial.wire.convert.bundle import bundle_from_wire
from finial.wire.convert.id import id_to_wire, selectors_to_wire
from finial.wire.pb.grpc.health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from finial.wire.pb.spire.api.server.agent.v1.agent_pb2 import CreateJoinTokenRequest, DeleteAgentRequest
from finial.wire.pb.spire.api.server.bundle.v1.bundle_pb2 import GetBundleRequest
from finial.wire.pb.spire.api.server.entry.v1.entry_pb2 import (
    BatchCreateEntryRequest,
    BatchDeleteEntryRequest,
    BatchUpdateEntryRequest,
    ListEntriesRequest,
)
from finial.wire.pb.spire.api.types.entry_pb2 import Entry, EntryMask
from finial.wire.pb.spire.api.types.status_pb2 import Status

TOKEN_TTL = 600
OK, ALREADY_EXISTS = 0, 6


async def check_serving(socket: Path) -> None:
    """Raises: Unavailable until the server is well."""
    async with ServerApi.at(str(socket)) as api:
        answer = await api.health.Check(HealthCheckRequest())
    if answer.status != HealthCheckResponse.SERVING:
        raise Unavailable("the server is not serving yet")


async def write_bundle(api: ServerApi, path: Path) -> None:
    bundle = bundle_from_wire(await api.bundle.GetBundle(GetBundleRequest()))
    private_file.replace(path, bundle_document.encode_pem(bundle.x509_roots))


async def join_token(api: ServerApi, topology: Topology) -> str:
    """Good for one agent, which then also is the alias."""
    request = CreateJoinTokenRequest(ttl=TOKEN_TTL, agent_id=id_to_wire(topology.node))
    return (await api.agent.CreateJoinToken(request)).value


def agent_of(topology: Topology, token: str) -> SpiffeId:
    """The ID of the agent that attests with this token."""
    return agent_id(topology.trust_domain, f"/join_token/{token}")


async def register(api: ServerApi, topology: Topology) -> None:
    """The entry of each service and of the verifier. Raises: the first refusal of the server."""
    answer = await api.entry.BatchCreateEntry(BatchCreateEntryRequest(entries=entries(topology)))
    stale = []
    for wanted, result in zip(entries(topology), answer.results, strict=True):
        if result.status.code == ALREADY_EXISTS:
            if result.entry.x509_svid_ttl != wanted.x509_svid_ttl:
                stale.append(Entry(id=result.entry.id, x509_svid_ttl=wanted.x509_svid_ttl))
        elif result.status.code != OK:
            raise _refused("create an entry", result.status)
    if stale:
        mask = EntryMask(x509_svid_ttl=True)
        changed = await api.entry.BatchUpdateEntry(BatchUpdateEntryRequest(entries=stale, input_mask=mask))
        for update in changed.results:
            if update.status.code != OK:
                raise _refused("update an entry", update.status)


def entries(topology: Topology) -> list[Entry]:
    """With the name as hint: a service chooses by it, whatever entries of the user's match it too."""
    lifetimes = [*((one.name, one.ttl) for one in topology.services), (VERIFIER, VERIFIER_TTL)]
    return [
        Entry(
            spiffe_id=id_to_wire(topology.id_of(name)),
            parent_id=id_to_wire(topology.node),
            selectors=selectors_to_wire([selector_of(name)]),
            x509_svid_ttl=ttl,
            hint=name,
        )
        for name, ttl in lifetimes
    ]


async def retire(api: ServerApi, agents: Sequence[SpiffeId]) -> None:
    """Evicts agents that are gone, and deletes the aliases that their tokens brought."""
    for one in agents:
        parent = ListEntriesRequest.Filter(by_parent_id=id_to_wire(one))
        found = await api.entry.ListEntries(ListEntriesRequest(filter=parent))
        ids = [entry.id for entry in found.entries]
        if ids:
            await api.entry.BatchDeleteEntry(BatchDeleteEntryRequest(ids=ids))
        try:
            await api.agent.DeleteAgent(DeleteAgentRequest(id=id_to_wire(one)))
        except NotFound:  # its token was never used
            continue


def _refused(what: str, status: Status) -> FinialError:
    return Internal(f"{what}: {status.message}")
