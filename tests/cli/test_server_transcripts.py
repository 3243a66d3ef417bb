"""What the server's commands print, held against what a stock SPIRE 1.15.3 printed."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.spiffe import bundle_document
from finial.spiffe.bundle import Bundle, JwtAuthority, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa
from finial.testing.commands import Commands
from finial.testing.jwt import TestJwtKey
from finial.testing.replay import Replay
from finial.testing.server import Running, server
from finial.testing.transcripts import Outcome, parse
from finial.testing.upstream_files import disk_plugin

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
TRANSCRIPTS = Path(__file__).parent / "transcripts"
IN_ORDER = "SPIRE on SQLite answers a creation with the selectors in the order of an index"
TWO_SELECTORS = "spire-server entry create -entryID full -parentID spiffe://example.org/node -spiffeID"
DOCUMENT = "says what is wrong with a bundle document in other words than SPIRE's library"


def foreign(name: str) -> Bundle:
    return Bundle(TrustDomain(name), (X509Authority(TestCa(name).der),))


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Running]:
    """A server's second start on memory keys, so with two authorities of each kind; two federated bundles."""
    async with server(folder) as running:
        for name in ("fed.test", "fed2.test"):
            await running.server.store.set_bundle(foreign(name))
    async with server(folder) as running:
        yield running


def recorded(name: str) -> list[str]:
    return [step.typed for step in parse((TRANSCRIPTS / f"{name}.txt").read_text())]


def compare(
    folder: Path, name: str, prepare: Callable[[Replay, Running], None], programs: Path | None
) -> None:
    """Fails with every command that is not as recorded and not listed."""
    environment = {"SPIRE_SERVER_PRIVATE_SOCKET": f"{folder}/api.sock"}
    one = Replay(TRANSCRIPTS / f"{name}.txt", folder, environment, programs=programs)

    async def run() -> list[str]:
        async with serving(folder) as running:
            prepare(one, running)
            if programs is not None:  # our server and SPIRE's commands: what differs is the server's
                made = (typed for typed in recorded(name) if typed.startswith(TWO_SELECTORS))
                one.differs = dict.fromkeys(made, IN_ORDER)
            return await one.run()

    wrong = asyncio.run(run())
    assert not wrong, "\n".join(wrong)
    assert one.equal


def test_general(folder: Path, programs: Path | None) -> None:
    (folder / "cli").mkdir()
    (folder / "cli" / "api.sock").symlink_to(folder / "api.sock")

    def prepare(one: Replay, _: Running) -> None:
        one.select = lambda step: step.uid is None

    compare(folder, "server-general", prepare, programs)


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user, which takes root")
def test_general_as_another_user(folder: Path, programs: Path | None) -> None:
    def prepare(one: Replay, _: Running) -> None:
        one.select = lambda step: step.uid is not None

    compare(folder, "server-general", prepare, programs)


# As in the recording, without the `entry_expiry` of the first: SPIRE does not read it, Finial does.
D1 = {
    "entry_id": "d1",
    "parent_id": "spiffe://example.org/node",
    "spiffe_id": "spiffe://example.org/d1",
    "selectors": [{"type": "unix", "value": "uid:5"}],
    "x509_svid_ttl": 60,
    "jwt_svid_ttl": 30,
    "federates_with": ["spiffe://fed.test"],
    "dns_names": ["d.test"],
    "admin": True,
    "hint": "d",
}
D2 = {
    "parent_id": "spiffe://example.org/node",
    "spiffe_id": "spiffe://example.org/d2",
    "selectors": [{"type": "unix", "value": "uid:6"}],
}
JSON_FILES: dict[str, object] = {
    "entries": {"entries": [D1, D2]},
    "update": {"entries": [D1 | {"hint": "upd"}]},
    "empty": {},
    "unknown": {"nope": 1},
    "ids": {"ids": ["d1", "nope"]},
    "ids2": ["d1", "nope"],
}


def test_entry(folder: Path, programs: Path | None) -> None:
    for name, value in JSON_FILES.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    (folder / "bad.json").write_text("{nope}")
    compare(folder, "server-entry", lambda one, _: None, programs)


def test_mint(folder: Path, programs: Path | None) -> None:
    for name in ("mint1", "mint2", "mint3"):
        (folder / name).mkdir()

    def prepare(one: Replay, _: Running) -> None:
        for mint in (
            "x509 mint -spiffeID spiffe://example.org/minted -dns b.test -dns a.test -ttl 60s",
            "jwt mint -spiffeID spiffe://example.org/minted -audience a -audience b -ttl 60s",
        ):
            one.differs[f"spire-server {mint}"] = "SPIRE warns of the part of a second that is cut off"

    compare(folder, "server-mint", prepare, programs)


def test_bundle(folder: Path, programs: Path | None) -> None:
    other = foreign("other.test")
    key = TestJwtKey("K" * 32)
    authority = JwtAuthority(key.key_id, key.public_key)
    document = replace(other, jwt_authorities=(authority,), sequence_number=1)
    (folder / "other.pem").write_bytes(bundle_document.encode_pem(other.x509_roots))
    (folder / "other.json").write_bytes(bundle_document.encode(document))
    (folder / "bad.pem").write_text("nope")

    def prepare(one: Replay, running: Running) -> None:
        async def an_entry_federates() -> None:
            await running.server.store.create_entries([entry("web", federates_with=(other.trust_domain,))])

        one.before["delete"] = an_entry_federates
        one.values = {"<PEM CERTIFICATE>": [(folder / "other.pem").read_text()]}
        for command in (
            "spiffe://other.test -format spiffe -path <DIR>/other.pem",
            "spiffe://stdin.test -format spiffe",
            "spiffe://use.test -format spiffe",
        ):
            one.differs[f"spire-server bundle set -id {command}"] = DOCUMENT

    compare(folder, "server-bundle", prepare, programs)


def entry(name: str, **fields: Any) -> Entry:
    return Entry(
        name,
        SpiffeId.parse(f"spiffe://example.org/{name}"),
        SpiffeId.parse("spiffe://example.org/node"),
        (Selector("unix", f"user:{name}"),),
        **fields,
    )


async def fill(running: Running) -> None:
    """As much as `debug getinfo` counted in the recording."""
    store = running.server.store
    for name in ("a", "b"):
        await store.put_agent(agent(f"join_token/{name}"))
    for name in ("one.test", "two.test", "three.test"):
        await store.set_bundle(foreign(name))
    committed = await store.create_entries([entry(f"entry-{number}") for number in range(11)])
    await running.server.follower.reached(committed.position)


def test_agent(folder: Path, programs: Path | None) -> None:
    def prepare(one: Replay, running: Running) -> None:
        tokens = [str(uuid.UUID(int=number)) for number in (1, 2, 3)]
        agents = [agent(f"join_token/{token}") for token in tokens]
        agents.append(agent(f"x509pop/{NODE_KEY}", can_reattest=True, selectors=X509POP_SELECTORS))

        async def agents_attest() -> None:
            for each in agents:
                committed = await running.server.store.put_agent(each)
            await running.server.follower.reached(committed.position)

        one.before["list and count"] = agents_attest
        first, second, _ = tokens
        shown, banned, evicted = [tokens[2]], [first, first, second, first], [first, first, second]
        one.values = {"<HEX40>": [NODE_KEY] * 2, "<UUID>": [*shown, *banned, *evicted]}
        (folder / "soon").mkdir()
        (folder / "soon" / "api.sock").symlink_to(folder / "api.sock")

    compare(folder, "server-agent", prepare, programs)


FAR = 1893456000  # 2030
NODE_KEY = "0123456789abcdef0123456789abcdef01234567"
X509POP_SELECTORS = tuple(
    Selector("x509pop", value)
    for value in (f"ca:fingerprint:{NODE_KEY}", f"serialnumber:{NODE_KEY}", "subject:cn:node one")
)


def agent(path: str, **fields: Any) -> Agent:
    return Agent(
        id=SpiffeId.parse(f"spiffe://example.org/spire/agent/{path}"),
        attestation_type=path.partition("/")[0],
        serial_number="1234567890",
        expires_at=FAR,
        **fields,
    )


def test_rest(folder: Path, programs: Path | None) -> None:
    def prepare(one: Replay, running: Running) -> None:
        (folder / "server.conf").write_text(CONF.format(folder=folder, port=running.server.port))
        one.select = lambda step: step.command != TAKEN_PORT
        one.before["debug"] = partial(fill, running)

    compare(folder, "server-rest", prepare, programs)


def test_authority(folder: Path, programs: Path | None) -> None:
    """A fresh server: its first authorities are the only ones."""
    environment = {"SPIRE_SERVER_PRIVATE_SOCKET": f"{folder}/api.sock"}
    one = Replay(TRANSCRIPTS / "server-authority.txt", folder, environment, programs=programs)
    one.values = {"<HEX40>": [NODE_KEY] * 4}

    async def run() -> list[str]:
        async with server(folder):
            return await one.run()

    wrong = asyncio.run(run())
    assert not wrong, "\n".join(wrong)
    assert one.equal


def test_upstreamauthority(folder: Path, programs: Path | None) -> None:
    (folder / "up").mkdir()
    one = Replay(TRANSCRIPTS / "server-upstreamauthority.txt", folder, {}, programs=programs)
    one.values = {"<HEX40>": [NODE_KEY]}

    async def another_root() -> None:
        disk_plugin(folder)

    one.before["the disk plugin's files now hold another root"] = another_root

    async def run() -> list[str]:
        async with server(folder / "up", plugins=disk_plugin(folder)):
            return await one.run()

    wrong = asyncio.run(run())
    assert not wrong, "\n".join(wrong)
    assert one.equal


def test_run_on_a_taken_port_ends_as_recorded(folder: Path) -> None:
    """The last line only: what a start logs before is not the command's. The reason is in words of our own."""
    steps = parse((TRANSCRIPTS / "server-rest.txt").read_text())
    recorded = next(step for step in steps if step.command == TAKEN_PORT)

    async def run() -> Outcome:
        async with server(folder) as running:
            conf = CONF.format(folder=folder, port=running.server.port)
            (folder / "server.conf").write_text(conf)
            words = ["spire-server", "run", "-config", f"{folder}/server.conf"]
            return await Commands({}).run_as(os.getuid(), words)

    got = asyncio.run(run())
    assert (got.exit, got.err) == (recorded.exit, "")
    for line in (recorded.out[-1], got.out.splitlines()[-1]):
        assert 'level=error msg="Server crashed" error="listen' in line
        assert "address already in use" in line


TAKEN_PORT = "spire-server run -config <DIR>/server.conf"
CONF = """
server {{
  trust_domain = "example.org"
  data_dir = "{folder}/data"
  socket_path = "{folder}/taken.sock"
  bind_address = "127.0.0.1"
  bind_port = {port}
}}
plugins {{
  DataStore "sql" {{ plugin_data {{ database_type = "sqlite3" connection_string = "{folder}/taken.sqlite3" }} }}
  KeyManager "memory" {{ plugin_data {{}} }}
  NodeAttestor "join_token" {{ plugin_data {{}} }}
}}
"""
