"""The wall clock of running processes jumps, as after a laptop's sleep or a step of NTP; monotonic time does not.

What still can be renewed is renewed within half a minute (`runtime.clock.LONGEST_NAP`); where only an operator
can help, the agent says what to do and ends. Nobody turns in circles meanwhile: CPU time is measured.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from finial.client import WorkloadApi
from finial.errors import FinialError
from finial.svid.verify import verify_x509
from finial.svid.x509 import X509Svid
from finial.testing.ca import Issued, TestCa
from finial.testing.domain import Domain

pytestmark = pytest.mark.timeout(180)
ALLOW_MISSING = "FINIAL_ALLOW_MISSING"
HOUR = 3600
MONTH = 30 * 24 * HOUR
YEAR = timedelta(days=365)
LOOKS = 1  # seconds between looks of a process at the false clock
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 75.0  # seconds: two naps, and a slow machine
IDLE = 0.3  # of a core; a loop without a pause takes all of it


@pytest.fixture(scope="session")
def library() -> str:
    """For LD_PRELOAD, as `faketime` itself says."""
    if shutil.which("faketime") is None:
        if os.environ.get(ALLOW_MISSING) == "1":
            pytest.skip("faketime is not installed")
        pytest.fail(f"faketime is not installed; {ALLOW_MISSING}=1 skips these tests", pytrace=False)
    said = subprocess.run(["faketime", "-f", "+0", "env"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"^LD_PRELOAD=(\S+)", said, re.MULTILINE)
    assert found is not None, said
    return found[1]


class FakeTime:
    """The wall clock of the processes that run in its environment."""

    def __init__(self, folder: Path, library: str) -> None:
        self._file, self._ahead = folder / "clock", 0
        self.environment = {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": str(
                LOOKS
            ),  # at the file; at each call would cost more than what is tested
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        self._write()

    @property
    def now(self) -> float:
        return time.time() + self._ahead

    @property
    def now_utc(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    async def jump(self, seconds: int) -> None:
        """From where it is. Returns once everybody has seen it."""
        self._ahead += seconds
        self._write()
        await asyncio.sleep(LOOKS + 0.1)

    def _write(self) -> None:
        """As a whole, so that nobody reads half a number."""
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{self._ahead:+d}\n")
        beside.rename(self._file)


class Stage:
    """A domain in false time, with one workload: this process."""

    def __init__(self, domain: Domain, clock: FakeTime) -> None:
        self.domain, self.clock = domain, clock
        self._began, self._used = time.monotonic(), 0.0

    async def start_new_agent(self) -> None:
        await self.domain.start_new_agent(self.clock.environment)

    async def start_agent(self) -> None:
        await self.domain.start_agent(environment=self.clock.environment)

    async def jump(self, seconds: int) -> None:
        self._began, self._used = time.monotonic(), self._cpu()
        await self.clock.jump(seconds)

    def _cpu(self) -> float:
        """Seconds of both that run."""
        total = 0
        for child in (self.domain.server, self.domain.agent):
            if child.popen.poll() is None:
                fields = Path(f"/proc/{child.popen.pid}/stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def assert_idle(self) -> None:
        """Since the jump; starting up and one round of renewals are let pass."""
        used, passed = self._cpu() - self._used, time.monotonic() - self._began
        assert used < 2 + IDLE * passed, f"{used:.1f} s of CPU in {passed:.1f} s"

    async def svid(self) -> X509Svid:
        """The workload's, which a verifier with the workload's bundles takes now."""
        async with WorkloadApi(self.domain.endpoint) as api:
            context = await api.fetch_x509()
        svid = context.default.svid
        assert verify_x509(svid.chain, context.bundles, self.clock.now_utc) == svid
        return svid

    async def serial(self) -> int:
        return (await self.svid()).serial_number

    async def has_good_svid(self) -> bool:
        try:
            await self.serial()
        except (AssertionError, FinialError):
            return False
        return True


@asynccontextmanager
async def stage(folder: Path, library: str, *options: str) -> AsyncIterator[Stage]:
    """Of a node that joined by a token."""
    async with begun(Stage(Domain(folder, server_options=options), FakeTime(folder, library))) as made:
        yield made


@asynccontextmanager
async def begun(made: Stage) -> AsyncIterator[Stage]:
    domain = made.domain
    domain.configure()
    try:
        await domain.start_server(made.clock.environment)
        await made.start_new_agent()
        await domain.register("web", f"unix:uid:{os.getuid()}")
        assert await made.has_good_svid()
        yield made
    finally:
        await domain.stop()


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - clocks send no event
            await asyncio.sleep(0.5)  # to ask costs the agent CPU time, which is measured


async def test_after_an_hour_of_sleep_the_workload_has_an_svid_again(tmp_path: Path, library: str) -> None:
    async with stage(tmp_path, library, 'agent_ttl = "12h"') as made:
        before = await made.serial()
        await made.jump(HOUR + 60)  # the default lifetime of an SVID, and a minute
        await eventually(made.has_good_svid)
        assert await made.serial() != before
        assert made.domain.agent.popen.poll() is None
        made.assert_idle()


async def test_after_three_days_there_is_a_new_ca_and_the_agent_says_how_to_come_back(
    tmp_path: Path, library: str
) -> None:
    async with stage(tmp_path, library) as made:
        domain = made.domain
        roots = await domain.roots()
        await made.jump(72 * HOUR)
        async with asyncio.timeout(PATIENCE):
            assert await domain.agent.ended() == 1

        async def is_renewed() -> bool:
            return bool(await domain.roots() - roots)

        await eventually(is_renewed)
        assert "start the agent with -joinToken" in domain.agent_log
        assert "Traceback" not in domain.agent_log + domain.server_log
        made.assert_idle()
        await domain.stop_agent()
        shutil.rmtree(domain.folder / "agent")
        await made.start_new_agent()  # with a new token, and the bundle of now
        await eventually(made.has_good_svid)


async def test_an_expired_join_token_agent_ends_with_the_way_back(tmp_path: Path, library: str) -> None:
    async with stage(tmp_path, library) as made:
        await made.jump(2 * HOUR)
        async with asyncio.timeout(PATIENCE):
            assert await made.domain.agent.ended() == 1
        last = made.domain.agent_log.splitlines()[-1]
        assert 'msg="Agent crashed"' in last
        assert "start the agent with -joinToken" in last
        made.assert_idle()


async def test_a_clock_that_is_set_back_harms_nothing(tmp_path: Path, library: str) -> None:
    """What was made before begins in the future: there is a new CA, and all below it is made anew."""
    async with stage(tmp_path, library) as made:
        domain, before = made.domain, await made.serial()
        roots = await domain.roots()
        await made.jump(-600)
        await eventually(made.has_good_svid)
        assert await made.serial() != before
        assert await domain.roots() > roots
        entry_id = await domain.register("more", f"unix:uid:{os.getuid()}")
        assert entry_id in await domain.entry_ids()
        async with WorkloadApi(domain.endpoint) as api:
            context = await api.fetch_x509()
        assert {one.id.path for one in context.identities} == {"/web", "/more"}
        assert "X509 CA is not valid yet: the clock was set back" in domain.server_log

        async def is_renewed() -> bool:
            return "Successfully rotated agent SVID" in domain.agent_log

        await eventually(is_renewed)
        made.assert_idle()
        await domain.kill_agent()
        await made.start_agent()  # with its identity: a new connection is let in
        await eventually(made.has_good_svid)
        assert "Traceback" not in domain.agent_log + domain.server_log


def upstream(folder: Path) -> str:
    """A root of the server's CAs that lives for a year."""
    ca = TestCa(name="upstream", lifetime=YEAR)
    certificate, key = Issued((ca.der,), ca.private_key).write(folder, "upstream")
    return (
        'UpstreamAuthority "disk" { plugin_data {'
        f' cert_file_path = "{certificate}" key_file_path = "{key}" }} }}'
    )


def node_with_a_certificate(
    folder: Path, library: str, *plugins: str, agent_options: Sequence[str] = ()
) -> Stage:
    """A node that can prove itself at any time for a year."""
    ca = TestCa(name="nodes", lifetime=YEAR)
    chain, key = ca.leaf("/node", lifetime=YEAR).write(folder, "node")
    known = f'ca_bundle_path = "{ca.write(folder / "nodes.pem")}" agent_path_template = "/node"'
    domain = Domain(
        folder,
        server_plugins=(f'NodeAttestor "x509pop" {{ plugin_data {{ {known} }} }}', *plugins),
        agent_proof=(
            'NodeAttestor "x509pop" { plugin_data {'
            f' private_key_path = "{key}" certificate_path = "{chain}" }} }}'
        ),
        agent_options=agent_options,
        node="spire/agent/node",
    )
    return Stage(domain, FakeTime(folder, library))


async def test_after_a_month_below_a_root_that_lives_all_is_well_by_itself(
    tmp_path: Path, library: str
) -> None:
    async with begun(node_with_a_certificate(tmp_path, library, upstream(tmp_path))) as made:
        before = await made.serial()
        agent = made.domain.agent.popen
        await made.jump(MONTH)
        await eventually(made.has_good_svid)
        assert await made.serial() != before
        assert agent.poll() is None
        assert "Traceback" not in made.domain.agent_log + made.domain.server_log
        made.assert_idle()


async def test_an_agent_that_starts_after_the_clock_was_set_back_proves_its_node_again(
    tmp_path: Path, library: str
) -> None:
    """The root is from before; the CA below it, and what both had signed for them, is from the future."""
    async with begun(node_with_a_certificate(tmp_path, library, upstream(tmp_path))) as made:
        domain = made.domain
        await domain.kill_agent()
        await made.clock.jump(-600)
        await made.start_agent()
        await eventually(made.has_good_svid)
        assert "Stored SVID is not valid yet" in domain.agent_log
        assert "Traceback" not in domain.agent_log + domain.server_log


async def test_after_a_month_the_agent_starts_its_trust_over_where_it_may(
    tmp_path: Path, library: str
) -> None:
    """The root of a month ago vouches for nobody: the new one comes from the configured source."""
    options = 'rebootstrap_mode = "auto"', 'rebootstrap_delay = "5s"'
    async with begun(node_with_a_certificate(tmp_path, library, agent_options=options)) as made:
        domain, before = made.domain, await made.serial()
        await made.jump(MONTH)
        async with asyncio.timeout(PATIENCE):
            assert await domain.agent.ended() == 1
        assert "start the agent: it attests with its configured first bundle" in domain.agent_log
        await domain.stop_agent()
        await domain.hand_out_bundle()  # as who keeps the source does all along
        await made.start_agent()  # as a supervisor does
        await eventually(made.has_good_svid)
        assert await made.serial() != before
        assert "Traceback" not in domain.agent_log + domain.server_log


async def test_after_a_month_the_agent_says_what_to_do_where_it_may_not(tmp_path: Path, library: str) -> None:
    async with begun(node_with_a_certificate(tmp_path, library)) as made:
        domain = made.domain
        await made.jump(MONTH)

        async def says_what_to_do() -> bool:
            return "the last root that this agent holds expired at" in domain.agent_log

        await eventually(says_what_to_do)
        assert "move the files of data_dir away" in domain.agent_log
        assert domain.agent.popen.poll() is None
        made.assert_idle()
        await domain.stop_agent()
        shutil.rmtree(domain.folder / "agent")
        await domain.hand_out_bundle()
        await made.start_agent()
        await eventually(made.has_good_svid)
        assert "Traceback" not in domain.agent_log + domain.server_log
