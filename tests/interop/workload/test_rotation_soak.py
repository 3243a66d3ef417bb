"""CAs and SVIDs that rotate all the time, and new handshakes all the time between go-spiffe, OpenSSL and our client.

X.509 CAs of 90 s, SVIDs of 30 s; FINIAL_SOAK_SECONDS says for how long, FINIAL_SOAK_RATE how many handshakes a
second are asked for. Not one may fail.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from finial.runtime.tasks import Tasks
from finial.testing.domain import Domain
from finial.testing.workload_program import Event, WorkloadProgram

NewProgram = Callable[[str, Domain], WorkloadProgram]
SECONDS = float(os.environ.get("FINIAL_SOAK_SECONDS", "200"))
RATE = float(os.environ.get("FINIAL_SOAK_RATE", "200"))
SERVER, CLIENT = (f"spiffe://example.org/{name}" for name in ("server", "client"))
SHARES = {"go-spiffe": 0.5, "finial": 0.45, "openssl": 0.05}  # of the rate, by client
LEAST = 0.3  # of the handshakes that are asked for: a machine busy with other work makes fewer
CA_LIFETIME, SVID_LIFETIME = 90, 30


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 120)
async def test_no_handshake_fails_while_everything_rotates(tmp_path: Path, new_program: NewProgram) -> None:
    options = (f'ca_ttl = "{CA_LIFETIME}s"', 'agent_ttl = "60s"')
    async with Domain(tmp_path, server_options=options) as domain:
        servers = [new_program(kind, domain) for kind in ("go-spiffe", "finial")]
        clients = [new_program(kind, domain) for kind in SHARES]
        for one in servers:
            await domain.register("server", one.selector, ttl=SVID_LIFETIME)
        for one in clients:
            await domain.register("client", one.selector, ttl=SVID_LIFETIME)
        roots = set(await domain.roots())
        patience = ("-timeout", str(SECONDS + 60))
        async with (
            servers[0].running("serve", "-id", CLIENT, *patience) as go,
            servers[1].running("serve", "-id", CLIENT, *patience) as ours,
        ):
            addresses = ",".join([(await one.next())["address"] for one in (go, ours)])
            async with Tasks() as tasks:
                tasks.start(watch_roots(domain, roots), name="roots")
                told = await asyncio.gather(*(hammer(one, addresses, SHARES[one.kind]) for one in clients))
    report = dict(zip(SHARES, told, strict=True))
    print(report, f"roots: {len(roots)}")
    assert not any(event["failed"] for event in report.values()), report
    assert sum(event["handshakes"] for event in report.values()) > LEAST * RATE * SECONDS, report
    assert len(roots) >= SECONDS / CA_LIFETIME


async def hammer(program: WorkloadProgram, addresses: str, share: float) -> Event:
    rate = RATE * share / (addresses.count(",") + 1)
    arguments = ("-addr", addresses, "-id", SERVER, "-rate", f"{rate:g}", "-for", f"{SECONDS:g}")
    async with program.running("hammer", *arguments, "-timeout", f"{SECONDS + 60:g}") as events:
        return await events.next(patience=SECONDS + 60)


async def watch_roots(domain: Domain, seen: set[bytes]) -> None:
    """Collects each root that there is, until cancelled."""
    while True:
        seen |= await domain.roots()
        await asyncio.sleep(1)
