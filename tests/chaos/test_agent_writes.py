"""The agent dies at each write of its two files, or its disk is full.

A join token is good once, so an identity that was lost would show: an agent that starts again has none but the
one on its disk.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.chaos.test_environment import full_disk

from finial.client import WorkloadApi
from finial.errors import Internal
from finial.runtime import fault
from finial.runtime.private_file import STAGES
from finial.testing.domain import PATIENCE, POLL, Domain

pytestmark = pytest.mark.timeout(240)
NODE_TTL = 24  # seconds
OFTEN = ("experimental { svid_renewal_percent = 30 }",)
STARTED = 'msg="Starting agent"'
ATTESTED, RENEWED = "Node attestation was successful", "Successfully rotated agent SVID"
SPENT = "join token does not exist or has already been used"


@asynccontextmanager
async def domain_of(folder: Path) -> AsyncIterator[Domain]:
    """The agent's own SVID is renewed each six seconds or so; one workload: this process."""
    async with Domain(folder, server_options=[f'agent_ttl = "{NODE_TTL}s"'], agent_options=OFTEN) as domain:
        await domain.register("web", f"unix:uid:{os.getuid()}")
        yield domain


async def serial(domain: Domain, name: str = "web") -> int:
    """Of the workload's SVID of that name, which says that the agent is let in by its server."""
    async with WorkloadApi(domain.endpoint) as api:
        held = {one.svid.id: one.svid.serial_number for one in (await api.fetch_x509()).identities}
        return held[domain.id_of(name)]


def this_run(domain: Domain) -> str:
    """What the agent logged since it started last."""
    return domain.agent_log.rpartition(STARTED)[2]


def forget_the_agent(domain: Domain) -> None:
    """The next one is another, with a token of its own."""
    for path in (domain.folder / "agent").iterdir():
        path.unlink()


async def killed(domain: Domain) -> None:
    async with asyncio.timeout(PATIENCE):
        assert await domain.agent.ended() == -signal.SIGKILL
    await domain.stop_agent()


AROUND = ("written", "renamed")  # the moment at which the new file takes its place
OTHERS = tuple(stage for stage in STAGES if stage not in AROUND)


@pytest.mark.parametrize(
    "stages", [AROUND, pytest.param(OTHERS, marks=pytest.mark.soak)], ids=["around", "others"]
)
@pytest.mark.parametrize(("name", "nth"), [("keys.json", 2), ("agent-data.json", 5)])
async def test_an_agent_killed_at_a_write_of_a_renewal_goes_on_with_its_identity(
    name: str, nth: int, stages: Sequence[str], tmp_path: Path
) -> None:
    """`nth`: the writes before are of the first start, as below."""
    async with domain_of(tmp_path) as domain:
        for stage in stages:
            await domain.stop_agent()
            forget_the_agent(domain)
            token = await domain.enrol()
            armed = {fault.VARIABLE: f"{name}.{stage}:{nth}"}
            await domain.start_agent("-joinToken", token, environment=armed)
            await serial(domain)
            await killed(domain)
            assert ATTESTED in this_run(domain) and RENEWED not in this_run(domain), stage
            await domain.start_agent()
            await serial(domain)
            assert "SVID loaded" in this_run(domain), stage
        async with asyncio.timeout(PATIENCE):
            while RENEWED not in this_run(domain):  # noqa: ASYNC110 - a file
                await asyncio.sleep(POLL)
        await serial(domain)


EARLY, LATE = STAGES[:3], STAGES[3:]  # before and after the new file is in its place
FIRST_START: dict[
    str, tuple[str, int, Sequence[str], str]
] = {  # which write, and with what the next start succeeds
    "the key": ("keys.json", 1, STAGES, "the same token"),
    "an attempt": ("agent-data.json", 1, STAGES, "the same token"),
    "no identity": ("agent-data.json", 2, EARLY, "another token"),
    "an identity": ("agent-data.json", 2, LATE, "nothing"),
    "the bundle": ("agent-data.json", 3, STAGES, "nothing"),
    "trust": ("agent-data.json", 4, STAGES, "nothing"),
}


IDENTITY = ("no identity", "an identity")


@pytest.mark.parametrize(
    "what", [one if one in IDENTITY else pytest.param(one, marks=pytest.mark.soak) for one in FIRST_START]
)
async def test_an_agent_killed_at_a_write_of_its_first_start_goes_on_or_says_that_its_token_is_spent(
    what: str, tmp_path: Path
) -> None:
    name, nth, stages, by = FIRST_START[what]
    domain = Domain(tmp_path)
    domain.configure()
    await domain.start_server()
    try:
        for stage in stages:
            token = await domain.enrol()
            with pytest.raises(Internal) as cut_off:
                point = {fault.VARIABLE: f"{name}.{stage}:{nth}"}
                await domain.start_agent("-joinToken", token, environment=point)
            assert str(cut_off.value.__cause__) == "the agent ended with -9", stage
            if by == "another token":
                await says_that_it_is_spent(domain, token)
                token = await domain.enrol()
            await domain.start_agent(*(() if by == "nothing" else ("-joinToken", token)))
            await domain.stop_agent()
            forget_the_agent(domain)
    finally:
        await domain.stop()


async def says_that_it_is_spent(domain: Domain, token: str) -> None:
    """SPIRE's agent is at the same point: the server gave the identity out, and nobody has it."""
    runs = domain.agent_log.count(STARTED)
    start = asyncio.ensure_future(domain.start_agent("-joinToken", token))
    async with asyncio.timeout(PATIENCE):
        while domain.agent_log.count(STARTED) == runs or SPENT not in this_run(domain):  # noqa: ASYNC110 - a file
            await asyncio.sleep(POLL)
    assert "`spire-server token generate` makes one" in this_run(domain)
    await domain.kill_agent()
    with pytest.raises(Internal):
        await start


async def test_an_agent_whose_disk_is_full_serves_on_and_renews_itself_once_there_is_room(
    tmp_path: Path,
) -> None:
    async with domain_of(tmp_path) as domain:
        agent = domain.agent.popen
        held = (tmp_path / "agent/agent-data.json").read_bytes()
        with full_disk(agent.pid):
            await domain.register("more", f"unix:uid:{os.getuid()}", ttl=8)
            before = await serial(domain, "more")
            async with asyncio.timeout(PATIENCE):
                while await serial(domain, "more") == before:  # noqa: ASYNC110 - it sends no event
                    await asyncio.sleep(POLL)
            assert (tmp_path / "agent/agent-data.json").read_bytes() == held
            assert [one.name for one in sorted((tmp_path / "agent").iterdir())] == [
                "agent-data.json",
                "keys.json",
            ]
        async with asyncio.timeout(PATIENCE):
            while (tmp_path / "agent/agent-data.json").read_bytes() == held:  # noqa: ASYNC110 - a file
                await asyncio.sleep(POLL)
        await serial(domain)
        assert agent.poll() is None
        assert "Traceback" not in domain.agent_log
        await domain.kill_agent()
        await domain.start_agent()
        await serial(domain)
