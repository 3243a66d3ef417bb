"""Each thing that goes wrong at a terminal, brought about, and the next step that the last line names."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest

from finial.agent.connection import ServerAddress
from finial.testing.agent import RunningAgent
from finial.testing.commands import Commands
from finial.testing.server import TRUST_DOMAIN, server, token

pytestmark = pytest.mark.slow
OTHER_ENTRY = "-spiffeID spiffe://other.test/a -parentID spiffe://example.org/b -selector unix:uid:1"
OTHER_PARENT = "-spiffeID spiffe://example.org/a -parentID spiffe://other.test/b -selector unix:uid:1"
THIS_DOMAIN = 'this server is of trust domain "example.org": its IDs begin with spiffe://example.org/'


def last_lines(folder: Path, commands: list[str]) -> list[str]:
    """What each of them, typed at a terminal beside a server, prints last."""

    async def run() -> list[str]:
        async with server(folder):
            typing = Commands({"SPIRE_SERVER_PRIVATE_SOCKET": f"{folder}/api.sock"})
            got = [await typing.run(["finial", *one.split()]) for one in commands]
            assert all(one.exit == 1 for one in got)
            return [one.err.splitlines()[-1] for one in got]

    return asyncio.run(run())


def test_an_id_of_another_trust_domain_is_told_the_servers(folder: Path) -> None:
    commands = [
        f"entry create {OTHER_ENTRY}",
        f"entry create {OTHER_PARENT}",
        "x509 mint -spiffeID spiffe://other.test/a",
        "jwt mint -spiffeID spiffe://other.test/a -audience a",
        "token generate -spiffeID spiffe://other.test/a",
        "agent show -spiffeID spiffe://other.test/spire/agent/a",
    ]
    assert last_lines(folder, commands) == [f"hint: {THIS_DOMAIN}"] * len(commands)


def test_an_id_that_is_no_agents_is_told_where_these_are(folder: Path) -> None:
    commands = [
        "agent evict -spiffeID spiffe://example.org/web",
        "agent ban -spiffeID spiffe://example.org/web",
    ]
    assert last_lines(folder, commands) == ["hint: `finial agent list` shows the IDs of agents"] * 2


def test_the_address_of_the_tls_port_is_no_socket(folder: Path) -> None:
    for typed in ("127.0.0.1:8081", "unix:///run/api.sock"):
        (last,) = last_lines(folder, [f"entry show -socketPath {typed}"])
        assert last.startswith("hint: ")
        assert (
            "is an address" in last or 'a path is wanted, without unix: in front: -socketPath "/run' in last
        )


def test_a_server_that_is_not_there_or_not_ready_is_told(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "left.sock"))
    absent, left = last_lines(
        folder, [f"entry show -socketPath {folder}/{name}.sock" for name in ("absent", "left")]
    )
    assert absent.startswith(
        f'hint: is the server running? Nothing listens at "{folder}/absent.sock": start it'
    )
    assert "or one that is starting has not opened yet: start it" in left


def test_the_socket_of_the_other_daemon_is_told(folder: Path) -> None:
    async def run() -> list[str]:
        home = folder / "agent" / "public"
        home.mkdir(parents=True)
        async with server(folder) as running:
            value = await token(running)
            address = ServerAddress("127.0.0.1", running.server.port, TRUST_DOMAIN)
            bundle = running.server.follower.view.bundles[TRUST_DOMAIN]
            async with RunningAgent(home, address, bundle, value) as agent:
                await agent.serving()
                return [
                    (await Commands({}).run(["finial", *one.split()])).err.splitlines()[-1]
                    for one in (
                        f"entry show -socketPath {home}/api.sock",
                        f"agent list -socketPath {home}/api.sock",
                        f"agent api fetch x509 -socketPath {folder}/api.sock",
                        f"agent healthcheck -socketPath {folder}/api.sock",
                    )
                ]

    entries, agents, fetch, health = asyncio.run(run())
    assert entries == agents
    assert entries.startswith("hint: this is no server's socket")
    assert fetch == health
    assert fetch.startswith("hint: this is no agent's public socket, but perhaps a server's")


def test_spires_names_print_no_hint(folder: Path) -> None:
    async def run() -> str:
        async with server(folder):
            words = [
                "spire-server",
                "entry",
                "create",
                *OTHER_ENTRY.split(),
                "-socketPath",
                f"{folder}/api.sock",
            ]
            return (await Commands({}).run(words)).err

    assert asyncio.run(run()).endswith("\n\nError: failed to create one or more entries\n")


def test_json_stays_json(folder: Path) -> None:
    async def run() -> str:
        async with server(folder):
            words = f"finial entry create {OTHER_ENTRY} -output json -socketPath {folder}/api.sock".split()
            return (await Commands({}).run(words)).out

    assert json.loads(asyncio.run(run()))["results"][0]["status"]["code"] == 3
