"""What the agent's commands print, held against what a stock SPIRE 1.15.3 printed."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from finial.agent.connection import ServerAddress
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle, JwtAuthority, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.agent import RunningAgent
from finial.testing.ca import TestCa
from finial.testing.commands import Commands
from finial.testing.configs import agent_conf, trust_bundle
from finial.testing.jwt import TestJwtKey
from finial.testing.replay import Replay
from finial.testing.server import TRUST_DOMAIN, Running, server, token
from finial.testing.transcripts import Step

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
TRANSCRIPTS = Path(__file__).parent / "transcripts"
OTHER = TrustDomain("other.test")
OTHER_KEY = TestJwtKey("K" * 32)
GO_JOSE = "the agent's words for a token that is none, not those of SPIRE's library"
NO_ADMIN_SOCKET = "the agent has no admin socket yet"
Prepare = Callable[[Replay, Running], None]


def entries(parent: SpiffeId) -> list[Entry]:
    """Those at the head of the transcripts; `root` is whoever runs the tests."""
    mine = (Selector("unix", f"uid:{os.getuid()}"),)

    def named(name: str) -> SpiffeId:
        return SpiffeId.parse(f"spiffe://example.org/{name}")

    return [
        Entry("a-root", named("root-a"), parent, mine),
        Entry(
            "b-root", named("root-b"), parent, mine,
            hint="internal", federates_with=(OTHER,), dns_names=("b.test",),
        ),
        Entry("c-root", named("root-c"), parent, mine, hint="internal", x509_svid_ttl=600),
        Entry("delegate", named("delegate"), parent, mine),
        Entry("one", named("one"), parent, (Selector("unix", "uid:1001"),)),
    ]  # fmt: skip


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Running]:
    """An agent with the entries of the head, at the socket of the head."""
    home = folder / "agent" / "public"
    home.mkdir(parents=True)
    async with server(folder) as running:
        store = running.server.store
        authority = JwtAuthority(OTHER_KEY.key_id, OTHER_KEY.public_key)
        await store.set_bundle(Bundle(OTHER, (X509Authority(TestCa(OTHER.name).der),), (authority,)))
        value = await token(running)
        parent = SpiffeId.parse(f"spiffe://example.org/spire/agent/join_token/{value}")
        committed = await store.create_entries(entries(parent))
        await running.server.follower.reached(committed.position)
        address = ServerAddress("127.0.0.1", running.server.port, TRUST_DOMAIN)
        bundle = running.server.follower.view.bundles[TRUST_DOMAIN]
        async with RunningAgent(home, address, bundle, value) as agent:
            await agent.serving()
            for one in (home, home.parent):
                one.chmod(0o755)
            yield running


def compare(folder: Path, name: str, prepare: Callable[[Replay], None], programs: Path | None) -> None:
    """Fails with every command that is not as recorded and not listed."""
    environment = {"SPIRE_AGENT_PUBLIC_SOCKET": f"{folder}/agent/public/api.sock"}
    one = Replay(TRANSCRIPTS / f"{name}.txt", folder, environment, programs=programs)

    async def run() -> list[str]:
        async with serving(folder) as running:
            if name == "agent-api":
                one.values = {"<JWT>": await tokens(running), "<DUR>": ["1s"]}
            prepare(one)
            return await one.run()

    wrong = asyncio.run(run())
    assert not wrong, "\n".join(wrong)
    assert one.equal


async def tokens(running: Running) -> list[str]:
    """The tokens that are validated, in order of appearance: of the own trust domain and of the other."""
    mint = ["spire-server", "jwt", "mint", "-spiffeID", "spiffe://example.org/any", "-audience", "a"]
    socket = str(running.server.socket_path)
    own = (await Commands({"SPIRE_SERVER_PRIVATE_SOCKET": socket}).run(mint)).out.strip()
    other = OTHER_KEY.sign("spiffe://other.test/any", ["a"], time.time())
    return [own] * 4 + [other] * 2 + [own] * 2 + [other]


def own_user(step: Step) -> bool:
    return step.uid is None


def test_general(folder: Path, programs: Path | None) -> None:
    def prepare(one: Replay) -> None:
        one.select = own_user
        one.unserved |= {"spire-agent logger": NO_ADMIN_SOCKET, "spire-agent debug": NO_ADMIN_SOCKET}

    compare(folder, "agent-general", prepare, programs)


def test_api(folder: Path, programs: Path | None) -> None:
    for name in ("x1", "x2", "x3"):
        (folder / name).mkdir()

    def shown_in_order(step: Step) -> bool:
        """SPIRE's command shows bundles at random, in the order of a map; ours by name."""
        return programs is None or "bundle(spiffe://other.test):" not in step.out

    def prepare(one: Replay) -> None:
        one.select = lambda step: own_user(step) and shown_in_order(step)
        for flags in ("", " -output json"):
            one.differs[f"spire-agent api validate jwt -audience a -svid nope{flags}"] = GO_JOSE

    compare(folder, "agent-api", prepare, programs)


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user, which takes root")
def test_api_as_another_user(folder: Path, programs: Path | None) -> None:
    def prepare(one: Replay) -> None:
        one.select = lambda step: not own_user(step)
        foreign = "spire-agent api validate jwt -audience a -svid <JWT>   # as uid 1001"
        one.differs[foreign] = "the agent says that it has no bundle, SPIRE's that it has no keys"
        one.values["<JWT>"] = [one.values["<JWT>"][0], one.values["<JWT>"][-1]]

    compare(folder, "agent-api", prepare, programs)


def test_run(folder: Path) -> None:
    """Starts that fail at once. What the agent logs while it keeps trying is its playbooks' matter."""
    fresh = folder / "fresh"
    fresh.mkdir()
    (fresh / "agent.conf").write_text(agent_conf(fresh, trust_bundle(fresh)))

    def prepare(one: Replay) -> None:
        one.select = lambda step: step.exit is not None
        one.values["<UUID>"] = ["a-token"]

    compare(folder, "agent-run", prepare, None)
