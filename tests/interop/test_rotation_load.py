"""Identities that rotate every second under load: no request is lost on either side."""

from __future__ import annotations

import asyncio
import collections
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvloop

from finial.client import authorize
from finial.client.httpx import client
from finial.runtime.tasks import Tasks
from finial.testing.ca import TestCa
from finial.testing.workload import Workload, WorkloadApiServer, workloads

SERVER = Path(__file__).with_name("rotation_server.py")
PAYMENT = "spiffe://example.org/payment"
SECONDS = 5
RATE = 1000  # requests a second that are asked for; what is reached is reported
CALLERS = 8
LEAST = 20  # requests a second that a machine busy with other tests reaches
CA = TestCa()


@asynccontextmanager
async def serving(address: str) -> AsyncIterator[str]:
    """In a process of its own, as the identity that `address` gives. Yields: the URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SERVER),
        env={**os.environ, "SPIFFE_ENDPOINT_SOCKET": address},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"https://127.0.0.1:{int(await process.stdout.readline())}/"
    finally:
        process.stdin.close()
        await process.wait()


async def rotate(server: WorkloadApiServer, caller: Workload) -> None:
    """Both every second, by turns, and once the bundle of a partner comes along."""
    for second in range(2 * SECONDS):
        await asyncio.sleep(0.5)
        federated = [TestCa("partner.test")] if second >= SECONDS else []
        if second % 2:
            server.serve(CA, "/payment", federated=federated)
        else:
            caller.api.serve(CA, "/web", federated=federated)


async def call(
    http: httpx.AsyncClient, url: str, turn: Callable[[], float], told: collections.Counter[str]
) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + SECONDS
    while loop.time() < end:
        await asyncio.sleep(max(0.0, turn() - loop.time()))
        try:
            told[(await http.get(url)).text] += 1
        except httpx.HTTPError as why:
            told[repr(why)] += 1


def pace(start: float) -> Callable[[], float]:
    """When the next request is due: none is made up for that came late."""
    due = start

    def turn() -> float:
        nonlocal due
        due = max(due + 1 / RATE, asyncio.get_running_loop().time() - 1 / RATE)
        return due

    return turn


@pytest.mark.slow
@pytest.mark.interop
@pytest.mark.timeout(60)
def test_no_request_is_lost_while_identities_rotate(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async def scenario() -> collections.Counter[str]:
        told: collections.Counter[str] = collections.Counter()
        async with (
            WorkloadApiServer(tmp_path / "server.sock") as api,
            workloads(tmp_path, (CA, "/web")) as (web,),
        ):
            api.serve(CA, "/payment")
            async with serving(api.address) as url:
                async with client(web.source, authorize.one_of(PAYMENT), timeout=10) as http:
                    turn = pace(asyncio.get_running_loop().time())
                    async with Tasks() as tasks:
                        for _ in range(CALLERS):
                            tasks.start(call(http, url, turn, told))
                        tasks.start(rotate(api, web))
                        await tasks.wait()
        return told

    told = uvloop.run(scenario())
    rate = told["spiffe://example.org/web"] / SECONDS
    record_property("requests_per_second", rate)
    print(f"{rate:.0f} requests a second, {SECONDS} rotations of each side")
    assert set(told) == {"spiffe://example.org/web"}, told
    assert rate >= LEAST
