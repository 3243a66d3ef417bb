"""The composition root: plugins, signals, exit codes."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from finial.agent.main import Plugins, serve
from finial.agent.workload_api import HEADER
from finial.config.agent import AgentConfig, load_agent
from finial.errors import InvalidArgument
from finial.plugins.key.disk import Disk
from finial.plugins.key.memory import Memory
from finial.runtime import handover
from finial.runtime.grpc import Channel
from finial.runtime.log import Logger, Output
from finial.runtime.sockets import listen_tcp
from finial.runtime.tasks import Tasks
from finial.spiffe import bundle_document
from finial.testing.clock import VirtualClock
from finial.testing.configs import JOIN_TOKEN, KEYS_IN_MEMORY, agent_conf, agent_keys, trust_bundle
from finial.testing.scripted_server import ScriptedServer
from finial.wire.pb.spiffe.workload.workload_grpc import SpiffeWorkloadAPIStub
from finial.wire.pb.spiffe.workload.workload_pb2 import JWTSVIDRequest


def config(
    folder: Path,
    options: str = "",
    *,
    port: int = 1,
    keys: str = KEYS_IN_MEMORY,
    workload: str = "unix",
    more: str = "",
) -> AgentConfig:
    log, attestor = f'log_file = "{folder}/agent.log"', f'WorkloadAttestor "{workload}" {{}}'
    chosen = (JOIN_TOKEN, keys, attestor)
    text = agent_conf(folder, trust_bundle(folder), log, options, port=port, plugins=chosen)
    return load_agent(text + more, "agent.conf")


def plugins(one: AgentConfig) -> Plugins:
    return Plugins(one, Logger(Output(io.StringIO(), now=VirtualClock().now)))


def test_plugins_are_those_of_the_configuration(tmp_path: Path) -> None:
    found = plugins(config(tmp_path))
    assert isinstance(found.key_manager, Memory)
    assert found.node_method.name == "join_token"
    assert list(found.workload_attestors) == ["unix"]
    assert found.launcher is None
    assert isinstance(plugins(config(tmp_path, keys=agent_keys(tmp_path))).key_manager, Disk)


def test_the_token_comes_from_the_file_that_is_named(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("from-a-file\n")
    found = plugins(config(tmp_path, options=f'join_token_file = "{path}"'))
    assert asyncio.run(found.node_method.attestor.payload()) == b"from-a-file"
    path.unlink()
    with pytest.raises(InvalidArgument, match=r'unable to read join token file ".*": open .*: no such file'):
        plugins(config(tmp_path, options=f'join_token_file = "{path}"'))


def test_the_launcher_attestor_wants_a_launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(handover.FD_VARIABLE, raising=False)
    with pytest.raises(InvalidArgument, match="FINIAL_LAUNCHER_FD is not set"):
        plugins(config(tmp_path, workload="launcher"))
    ours, theirs = handover.channel()
    with ours, theirs:
        monkeypatch.setenv(handover.FD_VARIABLE, str(os.dup(theirs.fileno())))
        found = plugins(config(tmp_path, workload="launcher"))
        assert found.launcher is not None
        assert found.launcher is found.workload_attestors["launcher"]
        found.launcher.close()
        assert handover.FD_VARIABLE not in os.environ


@pytest.mark.slow
def test_a_signal_ends_it_well_and_leaves_the_socket_clean(tmp_path: Path) -> None:
    async def scenario() -> int:
        async with ScriptedServer() as server:
            (tmp_path / "bundle.pem").write_bytes(bundle_document.encode_pem(server.bundle.x509_roots))
            options = f'join_token = "{server.new_token()}"'
            running = asyncio.ensure_future(
                serve(config(tmp_path, port=server.address.port, options=options))
            )
            async with asyncio.timeout(10):
                while not (tmp_path / "agent.sock").exists():  # noqa: ASYNC110 - it sends no event
                    await asyncio.sleep(0.005)
            os.kill(os.getpid(), signal.SIGTERM)
            return await asyncio.wait_for(running, 10)

    assert asyncio.run(scenario()) == 0
    log = (tmp_path / "agent.log").read_text()
    assert "Agent stopped gracefully" in log
    assert "token-0" in log  # as part of the agent's ID, which is public
    assert not (tmp_path / "agent.sock").exists()
    assert (tmp_path / "agent").stat().st_mode & 0o777 in (0o750, 0o700)


def test_a_changed_file_is_taken_on_a_signal_also_by_an_agent_that_serves(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"

    async def scenario() -> int:
        async with ScriptedServer() as server:
            (tmp_path / "bundle.pem").write_bytes(bundle_document.encode_pem(server.bundle.x509_roots))
            token, port = f'join_token = "{server.new_token()}"', server.address.port
            changed = config(tmp_path, port=port, options=f'{token} experimental {{ sync_interval = "9s" }}')

            async def until(done: Callable[[], bool]) -> None:
                async with asyncio.timeout(10):
                    while not done():  # noqa: ASYNC110 - it sends no event
                        await asyncio.sleep(0.005)

            async with Tasks() as tasks:
                first = config(tmp_path, port=port, options=token)
                running = tasks.start(serve(first, read=lambda: changed))
                await until((tmp_path / "agent.sock").exists)
                os.kill(os.getpid(), signal.SIGHUP)
                await until(lambda: "Configuration reloaded" in log.read_text())
                os.kill(os.getpid(), signal.SIGTERM)
                return await asyncio.wait_for(running, 10)

    assert asyncio.run(scenario()) == 0
    assert "new=9s old=5s option=agent.experimental.sync_interval" in log.read_text()


def test_an_agent_that_is_denied_ends_with_one(tmp_path: Path) -> None:
    async def scenario() -> int:
        async with ScriptedServer() as server:
            (tmp_path / "bundle.pem").write_bytes(bundle_document.encode_pem(server.bundle.x509_roots))

            async def deny() -> None:
                from finial.errors import PermissionDenied

                raise PermissionDenied("failed to attest: agent is banned")

            server.before["AttestAgent"] = deny
            return await serve(config(tmp_path, port=server.address.port, options='join_token = "x"'))

    assert asyncio.run(scenario()) == 1
    assert 'msg="Agent crashed"' in (tmp_path / "agent.log").read_text()


@pytest.mark.slow
def test_the_log_and_the_probes_are_as_configured_and_no_workload_is_served(tmp_path: Path) -> None:
    with listen_tcp("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    probes = f"""health_checks {{ listener_enabled = true bind_address = "127.0.0.1" bind_port = "{port}"
      live_path = "/l" ready_path = "/r" }}"""

    async def status(path: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return answer.split(b" ", 2)[1]

    async def scenario() -> None:
        async with ScriptedServer() as server:
            (tmp_path / "bundle.pem").write_bytes(bundle_document.encode_pem(server.bundle.x509_roots))
            options = f"""join_token = "{server.new_token()}" disable_workload_api = true
              log_level = "DEBUG" log_format = "json" log_source_location = true"""
            made = config(tmp_path, port=server.address.port, options=options, more=probes)
            running = asyncio.ensure_future(serve(made))
            async with asyncio.timeout(10):
                while not (tmp_path / "agent.sock").exists():  # noqa: ASYNC110 - it sends no event
                    await asyncio.sleep(0.005)
                async with Channel(path=str(tmp_path / "agent.sock")) as channel:
                    stub = SpiffeWorkloadAPIStub(channel)
                    with pytest.raises(GRPCError) as told:
                        await stub.FetchJWTSVID(JWTSVIDRequest(), metadata={HEADER: "true"})
                    assert told.value.status is Status.UNIMPLEMENTED
                assert [await status("/live"), await status("/ready")] == [b"404", b"404"]
                assert await status("/l") in (b"200", b"500")
                assert await status("/r") in (b"200", b"500")
            os.kill(os.getpid(), signal.SIGTERM)
            assert await asyncio.wait_for(running, 10) == 0

    asyncio.run(scenario())
    records = [json.loads(line) for line in (tmp_path / "agent.log").read_text().splitlines()]
    assert {"debug", "info"} <= {one["level"] for one in records}
    assert all(".py:" in one["file"] for one in records)
