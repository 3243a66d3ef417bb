from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from finial.lab.rounds import IMPOSTOR, Rounds
from finial.lab.topology import LAB
from finial.testing.lab_services import CA, all_serving
from finial.testing.workload import workloads

pytestmark = pytest.mark.slow


def test_a_round_is_answered_and_denied_as_the_topology_says(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with all_serving(tmp_path) as (ports, by_name):
            for name, ok, denied in (("user-service", 2, 1), ("inventory-service", 0, 3)):
                rounds = Rounds(LAB, name, ports, by_name[name].source)
                await rounds.once()
                await rounds.close()
                assert (rounds.tally.ok, rounds.tally.denied, rounds.tally.failed) == (ok, denied, 0)
                assert "unexpected ID" in rounds.tally.last[IMPOSTOR]
                assert rounds.tally.edges[IMPOSTOR] == {"denied": 1}
                assert sum(one.get("ok", 0) for one in rounds.tally.edges.values()) == ok

    asyncio.run(scenario())


def test_peers_that_are_away_are_failed_calls(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, LAB.id_of("payment-api").path)) as (payment,):
            rounds = Rounds(LAB, "payment-api", dict.fromkeys(LAB.names, 1), payment.source)
            await rounds.once()
            await rounds.close()
            assert (rounds.tally.ok, rounds.tally.denied, rounds.tally.failed) == (0, 0, 3)

    asyncio.run(scenario())


def test_a_caller_that_is_not_who_it_should_be_is_a_failed_call(tmp_path: Path) -> None:
    """inventory-service's identity in the hands of user-service: denied where it should be answered."""

    async def scenario() -> None:
        async with all_serving(tmp_path) as (ports, by_name):
            rounds = Rounds(LAB, "user-service", ports, by_name["inventory-service"].source)
            await rounds.once()
            await rounds.close()
            assert (rounds.tally.wrong, rounds.tally.failed) == (2, 0)

    asyncio.run(scenario())
