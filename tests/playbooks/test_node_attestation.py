"""A real server and a real agent: each way of proving a node, and a second proof after an eviction."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from finial.agent.connection import ServerAddress
from finial.agent.start import NodeMethod
from finial.config.plugins import PluginConfig, decode_options
from finial.plugin import catalog
from finial.plugin.kinds import AgentNodeAttestor, ServerHost, ServerNodeAttestor
from finial.plugins.node.http_challenge import agent as http_agent
from finial.plugins.node.http_challenge import server as http_server
from finial.plugins.node.http_challenge.fetch import fetch
from finial.plugins.node.sshpop import agent as ssh_agent
from finial.plugins.node.x509pop import agent as x509_agent
from finial.server.main import kinds
from finial.testing.agent import RunningAgent
from finial.testing.ca import TestCa
from finial.testing.node import SshAuthority
from finial.testing.server import TRUST_DOMAIN, Running, server
from finial.wire.convert.id import id_to_wire
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentStub

Made = tuple[str, Callable[[], AgentNodeAttestor]]  # the server's block, the agent's half


def by_certificate(folder: Path) -> Made:
    ca = TestCa()
    chain, key = ca.intermediate().leaf().write(folder, "node")
    block = f'NodeAttestor "x509pop" {{ plugin_data {{ ca_bundle_path = "{ca.write(folder / "ca.pem")}" }} }}'
    config = x509_agent.Config(private_key_path=str(key), certificate_path=str(chain))
    return block, lambda: x509_agent.X509PopAttestor(config)


def by_ssh(folder: Path) -> Made:
    authority = SshAuthority()
    key, certificate = authority.host(folder)
    block = f'NodeAttestor "sshpop" {{ plugin_data {{ cert_authorities = ["{authority.line}"] }} }}'
    config = ssh_agent.Config(host_key_path=str(key), host_cert_path=str(certificate))
    return block, lambda: ssh_agent.SshPopAttestor(config)


def by_http(_: Path) -> Made:
    config = http_agent.Config(hostname="node.example")
    return 'NodeAttestor "http_challenge" { plugin_data {} }', lambda: http_agent.HttpChallengeAttestor(
        config
    )


def local_kinds(host: ServerHost) -> list[catalog.Kind]:
    """The server's own, but that host names lead to this machine."""

    async def here(_: str) -> Sequence[str]:
        return ["127.0.0.1"]

    def http_challenge(block: PluginConfig) -> ServerNodeAttestor:
        options = decode_options(block, http_server.Config)
        return http_server.HttpChallenge(
            options, host, functools.partial(fetch, resolve=here, allowed=lambda _: True)
        )

    return [
        catalog.Kind(one.name, one.least, one.most, {**one.known, "http_challenge": http_challenge})
        if one.name == "NodeAttestor"
        else one
        for one in kinds(host)
    ]


def agent_of(running: Running, folder: Path, method: str, half: AgentNodeAttestor) -> RunningAgent:
    folder.mkdir(exist_ok=True)
    address = ServerAddress("127.0.0.1", running.server.port, TRUST_DOMAIN)
    bundle = running.server.follower.view.bundles[TRUST_DOMAIN]
    return RunningAgent(folder, address, bundle, node_method=NodeMethod(method, half))


def ids(running: Running) -> list[str]:
    return [str(one.id) for one in running.server.follower.index.agents.values()]


async def evict(running: Running) -> str:
    """The one agent there is. Returns: its ID."""
    (found,) = (one.id for one in running.server.follower.index.agents.values())
    async with running.admin() as channel:
        await AgentStub(channel).DeleteAgent(agent_pb2.DeleteAgentRequest(id=id_to_wire(found)))
    return str(found)


@pytest.mark.parametrize(
    ("method", "make", "again"),
    [("x509pop", by_certificate, True), ("sshpop", by_ssh, True), ("http_challenge", by_http, False)],
)
def test_a_node_proves_itself_and_does_so_again_after_an_eviction(
    tmp_path: Path, method: str, make: Callable[[Path], Made], again: bool
) -> None:
    async def scenario() -> None:
        block, half = make(tmp_path)
        async with server(tmp_path, plugins=block, kinds=local_kinds) as running:
            async with agent_of(running, tmp_path / "one", method, half()) as agent:
                await agent.serving()
                (found,) = running.server.follower.index.agents.values()
                assert found.id.path.startswith(f"/spire/agent/{method}/")
                assert (found.attestation_type, found.can_reattest) == (method, again)
                evicted = await evict(running)
                if again:
                    await agent.until(lambda: evicted in ids(running))
            async with agent_of(running, tmp_path / "two", method, half()) as agent:
                if not again:
                    await agent.serving()
                    assert evicted in ids(running)

    asyncio.run(scenario())


def test_who_comes_second_to_a_host_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        block, half = by_http(tmp_path)
        async with server(tmp_path, plugins=block, kinds=local_kinds) as running:
            async with agent_of(running, tmp_path / "one", "http_challenge", half()) as first:
                await first.serving()
            async with agent_of(running, tmp_path / "two", "http_challenge", half()) as second:
                with pytest.raises(Exception, match="attestation data has already been used"):
                    await second.serving()

    asyncio.run(scenario())


def test_a_name_that_leads_to_the_server_itself_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        half = http_agent.HttpChallengeAttestor(http_agent.Config(hostname=socket.gethostname()))
        block = 'NodeAttestor "http_challenge" { plugin_data {} }'

        def fixed(host: ServerHost) -> list[catalog.Kind]:
            async def inside(_: str) -> Sequence[str]:
                return ["127.0.0.1"]

            made = http_server.HttpChallenge(
                http_server.Config(), host, functools.partial(fetch, resolve=inside)
            )
            return [
                catalog.Kind(one.name, one.least, one.most, {**one.known, "http_challenge": lambda _: made})
                for one in kinds(host)
            ]

        async with server(tmp_path, plugins=block, kinds=fixed) as running:
            async with agent_of(running, tmp_path / "one", "http_challenge", half) as agent:
                with pytest.raises(Exception, match="resolves to an address that is not allowed"):
                    await agent.serving()
            assert not ids(running)

    asyncio.run(scenario())
