"""What a running server tells of itself when it is asked."""

from __future__ import annotations

from pathlib import Path

from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.server.observed import observe_index
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.testing.clock import VirtualClock
from finial.testing.metrics import told, unread
from finial.testing.server import TRUST_DOMAIN, Running, play

AGENT = SpiffeId(TRUST_DOMAIN, "/spire/agent/t/1")
NODE = SpiffeId(TRUST_DOMAIN, "/spire/server")


def total(found: dict[str, float], name: str, label: str = "") -> float:
    (value,) = [one for key, one in found.items() if key.startswith(name) and label in key]
    return value


def test_sizes_of_the_index_and_what_is_left_of_each_credential(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        server = running.server
        selectors = (Selector("a", "b"),)
        await server.store.put_agent(Agent(AGENT, "t", "1", 4_000_000_000))
        done = await server.store.create_entries(
            [
                Entry("workload", SpiffeId(TRUST_DOMAIN, "/w"), AGENT, selectors),
                Entry("alias", SpiffeId(TRUST_DOMAIN, "/n"), NODE, selectors),
            ]
        )
        await server.follower.reached(done.position)
        found = told(server.metrics)
        for name, value in {
            "spire_server_node_agents_by_id_cache_count": 1,
            "spire_server_entry_entries_by_entryid_cache_count": 1,
            "spire_server_entry_nodealiases_by_entryid_cache_count": 1,
            "spire_server_entry_nodealiases_by_selector_cache_count": 1,
            "finial_change_log_position": done.position.id,
            "finial_change_log_outage_seconds": 0,
            "finial_watchers": 0,
            "finial_authority_adoption_pending_agents": 1,
        }.items():
            assert total(found, name) == value, name
        assert total(found, "finial_authority_adoption_lag_seconds") > 0
        for kind in ("x509_ca", "server_svid", "jwt_key"):
            left = total(found, "finial_expiration_seconds", f'kind="{kind}"')
            assert 0 < left <= 24 * 3600
            assert total(found, "finial_lifetime_seconds", f'kind="{kind}"') >= left

    play(tmp_path, scene)


def test_agents_are_told_one_by_one_where_that_is_asked_for(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        server, clock = running.server, VirtualClock()
        done = await server.store.put_agent(Agent(AGENT, "t", "1", int(clock.unix()) + 60))
        await server.follower.reached(done.position)
        for by_id, wanted in (
            (True, {f'finial_agent_expiration_seconds{{spiffe_id="{AGENT}"}}': 60}),
            (False, {}),
        ):
            metrics = unread(clock, by_id=by_id)
            observe_index(metrics, server.follower, clock)
            found = {key: round(value) for key, value in told(metrics).items() if "agent_expiration" in key}
            assert found == wanted

    play(tmp_path, scene)


def test_connections_and_calls_by_their_listener(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            await channel.__connect__()
            found = told(running.server.metrics)
        assert total(found, "finial_connections", 'listener="unix"') == 1
        assert total(found, "finial_connections", 'listener="tcp"') == 0
        assert total(found, "finial_calls_open", 'listener="unix"') == 0

    play(tmp_path, scene)
