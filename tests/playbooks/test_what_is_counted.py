"""A server and an agent of ours at work: what happened once is counted once, on either side."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from finial.agent.connection import ServerAddress
from finial.errors import PermissionDenied
from finial.registry.entry import Entry
from finial.runtime.grpc import Channel, unary
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.testing.agent import RunningAgent
from finial.testing.metrics import told
from finial.testing.server import TRUST_DOMAIN, Running, play, token
from finial.wire.convert.entry import entry_to_wire
from finial.wire.convert.id import id_to_wire
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentStub
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.server.localauthority.v1 import localauthority_pb2 as authority_pb2
from finial.wire.pb.spire.api.server.localauthority.v1.localauthority_grpc import LocalAuthorityStub
from finial.wire.pb.spire.api.types import spiffeid_pb2

NODE = SpiffeId.parse("spiffe://example.org/node")
WEB = Entry(
    "web", SpiffeId.parse("spiffe://example.org/web"), NODE, (Selector("unix", f"uid:{os.geteuid()}"),)
)


async def joined(folder: Path, running: Running) -> RunningAgent:
    """With the alias `/node`."""
    (folder / "agent").mkdir()
    address = ServerAddress("127.0.0.1", running.server.port, TRUST_DOMAIN)
    bundle = running.server.follower.view.bundles[TRUST_DOMAIN]
    alias = spiffeid_pb2.SPIFFEID(trust_domain="example.org", path="/node")
    return RunningAgent(folder / "agent", address, bundle, await token(running, agent_id=alias))


async def create(running: Running, *entries: Entry) -> None:
    async with running.admin() as channel:
        request = entry_pb2.BatchCreateEntryRequest(entries=[entry_to_wire(one) for one in entries])
        await unary(EntryStub(channel).BatchCreateEntry, request)


class Counts:
    """Of a server without the label that names this machine."""

    def __init__(self, running: Running, agent: RunningAgent) -> None:
        self._running, self._agent = running, agent

    def server(self, key: str) -> float:
        name, _, labels = key.partition("{")
        found = told(self._running.server.metrics).items()
        wanted = {one for one in labels.rstrip("}").split(",") if one}
        (value,) = [
            value
            for one, value in found
            if one.partition("{")[0] == name and wanted <= set(one.partition("{")[2].rstrip("}").split(","))
        ]
        return value

    def agent(self, key: str) -> float:
        return told(self._agent.metrics)[key]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a metric sends no event
            await asyncio.sleep(0.005)


def test_a_node_attests_and_a_workload_gets_its_svid(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with await joined(tmp_path, running) as one:
            await one.serving()
            counts = Counts(running, one)
            await until(lambda: counts.agent("spire_agent_lru_cache_svid_map_size") == 1)  # the alias
            signed = counts.server("spire_server_server_ca_sign_x509_svid")
            await create(running, WEB)
            async with one.workload_api() as api:
                await asyncio.wait_for(api.fetch_x509(), 10)
            await until(lambda: counts.server("finial_propagation_seconds_count") == 1)
            await until(lambda: counts.server("finial_authority_adoption_pending_agents") == 0)
            for key, value in {
                'spire_server_rpc_agent_v1_agent_attest_agent{status="OK"}': 1,
                'spire_server_datastore_node_create{status="OK"}': 1,
                'spire_server_datastore_join_token_delete{status="OK"}': 1,
                'spire_server_datastore_registration_entry_create{status="OK"}': 1,
                'finial_node_attestation_seconds_count{method="join_token",status="OK"}': 1,
                'spire_server_svid_rotate{status="OK"}': 1,
                'spire_server_ca_manager_x509_ca_prepare{status="OK"}': 1,
                "spire_server_ca_manager_x509_ca_activate": 1,
                "spire_server_manager_jwt_key_activate": 1,
                "spire_server_server_ca_sign_x509_svid": signed + 1,
                "finial_watchers": 1,
            }.items():
                assert counts.server(key) == value, key
            for key, value in {
                'spire_agent_node_attestor_new_svid{attestor="join_token",status="OK"}': 1,
                'spire_agent_workload_api_workload_attestation{status="OK"}': 1,
                'spire_agent_workload_api_workload_attestor{attestor="unix",status="OK"}': 1,
                'finial_svid_updates_total{status="success"}': 2,
                "spire_agent_lru_cache_entry_add": 2,
                "spire_agent_lru_cache_record_map_size": 2,
                "spire_agent_lru_cache_svid_map_size": 2,
                "spire_agent_bootstrapped": 1,
            }.items():
                assert counts.agent(key) == value, key

    play(tmp_path, scene)


def test_a_workload_that_no_entry_is_for_is_counted(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with await joined(tmp_path, running) as one:
            await one.serving()
            async with one.workload_api() as api:
                with pytest.raises(PermissionDenied):
                    await asyncio.wait_for(api.fetch_x509(), 10)
            counts = Counts(running, one)
            assert counts.agent("finial_workloads_without_identity_total") == 1

    play(tmp_path, scene)


def agent_id(one: RunningAgent) -> SpiffeId:
    return SpiffeId(TRUST_DOMAIN, one.agent_path)


def test_a_taint_and_a_ban_are_counted_where_they_are_felt(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        await create(running, WEB)
        async with await joined(tmp_path, running) as one:
            await one.serving()
            counts = Counts(running, one)
            await until(lambda: counts.agent("spire_agent_lru_cache_svid_map_size") == 2)
            async with running.admin() as channel:
                await taint_the_first(channel)
                await until(
                    lambda: "spire_agent_cache_manager_tainted_x509_svids_workload_sum" in told(one.metrics)
                )
                assert counts.agent("spire_agent_cache_manager_tainted_x509_svids_workload_sum") == 2
                tainted = 'spire_agent_cache_manager_workload_process_tainted_x509_svids{status="OK"}'
                assert counts.agent(tainted) == 1
                assert counts.server('spire_server_datastore_bundle_x509_taint{status="OK"}') == 1
                assert counts.server("spire_server_ca_manager_x509_ca_activate") == 2
                ban = agent_pb2.BanAgentRequest(id=id_to_wire(agent_id(one)))
                await unary(AgentStub(channel).BanAgent, ban)
                await asyncio.wait([one.task], timeout=10)
            assert counts.server('finial_denials_total{reason="agent_banned"}') >= 1
            ended = [one for one in told(running.server.metrics) if "changes_watch{" in one]
            assert ended
            assert not [one for one in ended if "Canceled" in one]

    play(tmp_path, scene)


async def taint_the_first(channel: Channel) -> None:
    authorities = LocalAuthorityStub(channel)
    state = await unary(authorities.GetX509AuthorityState, authority_pb2.GetX509AuthorityStateRequest())
    made = await unary(authorities.PrepareX509Authority, authority_pb2.PrepareX509AuthorityRequest())
    await unary(
        authorities.ActivateX509Authority,
        authority_pb2.ActivateX509AuthorityRequest(authority_id=made.prepared_authority.authority_id),
    )
    await unary(
        authorities.TaintX509Authority,
        authority_pb2.TaintX509AuthorityRequest(authority_id=state.active.authority_id),
    )
