"""Server and agent are killed at random moments under load, 200 times; what was acknowledged holds.

Two callers create and delete entries, the agent has SVIDs signed for each and renews its own, a workload
follows its identity. After each kill: acknowledged entries are there, deleted ones are gone, nothing else is,
the CA is the same, and the agent of before is let in. FINIAL_SEED repeats a run's choices.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from finial.client import WorkloadApi, X509Source
from finial.errors import FinialError, Internal
from finial.runtime.clock import SystemClock
from finial.runtime.tasks import Tasks
from finial.testing.domain import POLL, Domain
from finial.wire.convert.id import id_to_wire
from finial.wire.pb.spire.api.server.entry.v1.entry_pb2 import (
    BatchCreateEntryRequest,
    BatchDeleteEntryRequest,
    ListEntriesRequest,
)
from finial.wire.pb.spire.api.types.entry_pb2 import Entry
from finial.wire.pb.spire.api.types.selector_pb2 import Selector

CALLERS = 2
MANY = 60  # entries; above that callers delete
NODE_TTL, WORKLOAD_TTL = 60, 60  # seconds
LONGEST_LIFE = (
    0.5  # seconds from one restart to the next kill, at most; on a slow machine as long as a start takes
)
LONGEST_START = 1.5  # seconds, where a kill shall hit the start


class Ledger:
    """What callers were told. Entries are known by the path of their SPIFFE ID."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}  # path -> entry ID
        self.gone: set[str] = set()
        self.unknown: set[str] = set()  # the call was cut off
        self.acknowledged = 0

    async def create(self, domain: Domain, path: str) -> None:
        wanted = Entry(
            spiffe_id=id_to_wire(domain.id_of(path)),
            parent_id=id_to_wire(domain.node),
            selectors=[Selector(type="unix", value="uid:4000000000")],
            x509_svid_ttl=WORKLOAD_TTL,
        )
        self.unknown.add(path)
        async with domain.api() as api:
            result = (await api.entry.BatchCreateEntry(BatchCreateEntryRequest(entries=[wanted]))).results[0]
        assert result.status.code == 0, result.status
        self.unknown.discard(path)
        self.there[path] = result.entry.id
        self.acknowledged += 1

    async def delete(self, domain: Domain, path: str) -> None:
        entry_id = self.there.pop(path)
        self.unknown.add(path)
        async with domain.api() as api:
            result = (await api.entry.BatchDeleteEntry(BatchDeleteEntryRequest(ids=[entry_id]))).results[0]
        assert result.status.code == 0, result.status
        self.unknown.discard(path)
        self.gone.add(path)
        self.acknowledged += 1

    async def compare(self, domain: Domain) -> None:
        """While nobody calls. What was unknown is known afterwards."""
        async with domain.api() as api:
            listed = await api.entry.ListEntries(ListEntriesRequest())
        found = {one.spiffe_id.path.removeprefix("/"): one.id for one in listed.entries}
        lost = {path for path, entry_id in self.there.items() if found.get(path) != entry_id}
        assert not lost, f"acknowledged and not there: {lost}"
        risen = self.gone & found.keys()
        assert not risen, f"deleted and there: {risen}"
        for path in self.unknown:
            if path in found:
                self.there[path] = found[path]
        self.unknown.clear()
        strange = {path for path in found if path.startswith("load-") and path not in self.there}
        assert not strange, f"there and never asked for: {strange}"


class Load:
    """The callers. They stand still from a kill to the end of the check."""

    def __init__(self, domain: Domain, chance: random.Random) -> None:
        self._domain, self._chance = domain, chance
        self.ledger = Ledger()
        self._going = asyncio.Event()
        self._under_way = 0
        self.cut_off = 0

    async def run(self) -> None:
        while True:
            await self._going.wait()
            self._under_way += 1
            try:
                await self._one_call()
            except FinialError:
                self.cut_off += 1
                await asyncio.sleep(POLL)
            finally:
                self._under_way -= 1

    async def _one_call(self) -> None:
        there = self.ledger.there
        if self._chance.random() < len(there) / (2 * MANY):
            await self.ledger.delete(self._domain, self._chance.choice(sorted(there)))
        else:
            await self.ledger.create(self._domain, f"load-{secrets.token_hex(6)}")

    def go(self) -> None:
        self._going.set()

    async def halt(self) -> None:
        self._going.clear()
        while self._under_way:  # noqa: ASYNC110 - calls end by themselves
            await asyncio.sleep(POLL)


class Watched:
    """A workload's source, looked at all the time."""

    def __init__(self, source: X509Source) -> None:
        self._source, self._clock = source, SystemClock()
        self.serials = {source.identity.svid.serial_number}
        self.least_left = float(WORKLOAD_TTL)

    async def run(self) -> None:
        """Raises: what ended the source; AssertionError for an SVID that is not good any more."""
        while True:
            svid = self._source.identity.svid
            left = (svid.not_after - self._clock.now()).total_seconds()
            self.least_left = min(self.least_left, left)
            assert left > 0, f"the workload's SVID has expired, {-left:.1f} s ago"
            self.serials.add(svid.serial_number)
            await asyncio.sleep(POLL)


class Killer:
    def __init__(self, domain: Domain, load: Load, chance: random.Random) -> None:
        self._domain, self._load, self._chance = domain, load, chance
        self.kills = {"server": 0, "server at its start": 0, "agent": 0}
        self._start_took = 0.0

    async def strike(self) -> None:
        """Once at least; afterwards both parts run."""
        # Else, where starts are slow, the agent that calls now and then meets no server for the life of its SVID.
        await asyncio.sleep(self._chance.uniform(0, max(LONGEST_LIFE, self._start_took)))
        victims = self._chance.choices((("server",), ("agent",), ("server", "agent")), (7, 2, 1))[0]
        if "server" in victims:
            await self._domain.kill_server()
            self.kills["server"] += 1
        if "agent" in victims:
            await self._domain.kill_agent()
            self.kills["agent"] += 1
        await self._load.halt()
        if "server" in victims:
            while self._chance.random() < 0.3:
                await self._kill_at_start()
            began = time.monotonic()
            await self._domain.start_server()
            self._start_took = time.monotonic() - began
        if "agent" in victims:
            await self._domain.start_agent()

    async def _kill_at_start(self) -> None:
        async with Tasks(lambda _name, _why: None) as tasks:
            start = tasks.start(self._domain.start_server())
            await asyncio.sleep(self._chance.uniform(0, LONGEST_START))
            await self._domain.kill_server()
            self.kills["server at its start"] += 1
            with suppress(Internal):  # that it was killed
                await start


@asynccontextmanager
async def workload(domain: Domain) -> AsyncIterator[X509Source]:
    await domain.register("web", f"unix:uid:{os.getuid()}", ttl=WORKLOAD_TTL)
    async with WorkloadApi(domain.endpoint) as api, X509Source(api) as source:
        yield source


async def storm(folder: Path, wanted: int, seed: int) -> str:
    """So many kills. Returns: what came of it. Raises: AssertionError and what ended a source."""
    chance, began = random.Random(seed), time.monotonic()
    failures: list[BaseException] = []

    async with (
        Domain(folder, server_options=[f'agent_ttl = "{NODE_TTL}s"']) as domain,
        workload(domain) as source,
    ):
        load, watched, roots = Load(domain, chance), Watched(source), await domain.roots()
        killer = Killer(domain, load, chance)
        async with Tasks(lambda _name, why: failures.append(why)) as tasks:
            tasks.start(watched.run(), name="workload")
            for _ in range(CALLERS):
                tasks.start(load.run(), name="caller")
            while sum(killer.kills.values()) < wanted:
                load.go()
                await killer.strike()
                if failures:
                    raise failures[0]
                assert await domain.roots() == roots, "another CA"
                await load.ledger.compare(domain)
        identities = len(watched.serials)
        renewals = domain.agent_log.count("Successfully rotated agent SVID")
    return (
        f"seed {seed}: {sum(killer.kills.values())} kills {killer.kills} in {time.monotonic() - began:.0f} s; "
        f"{load.ledger.acknowledged} acknowledged writes, {load.cut_off} cut off; the workload had "
        f"{identities} SVIDs, with {watched.least_left:.0f} s left at least; the agent renewed {renewals} times"
    )


async def run(folder: Path, wanted: int) -> None:
    seed = int(os.environ.get("FINIAL_SEED") or secrets.randbelow(2**32))
    print(f"FINIAL_SEED={seed}")
    print(await storm(folder, wanted, seed))


@pytest.mark.timeout(240)
async def test_ten_kills_lose_nothing(tmp_path: Path) -> None:
    await run(tmp_path, 10)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_two_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    await run(tmp_path, 200)
