from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from finial.lab import verifier
from finial.lab.topology import LAB
from finial.lab.verifier import Verifier
from finial.runtime.clock import SystemClock
from finial.testing.lab_services import all_serving

pytestmark = pytest.mark.slow


def test_every_attempt_comes_out_as_it_must(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def child(self: Verifier) -> str:
        return "no identity issued"

    monkeypatch.setattr(Verifier, "_child", child)

    async def scenario() -> None:
        async with all_serving(tmp_path) as (ports, by_name):
            own = by_name["verifier"]
            told = {"endpoint": own.api.address, "ports": ports}
            checks = [
                one async for one in Verifier(told, own.source._api, own.source, SystemClock()).checks()
            ]
            assert [one for one in checks if not one.ok] == []
            assert len(checks) == 7 + 2 * len(LAB.services)

    asyncio.run(scenario())


def test_a_service_that_lets_anybody_in_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def child(self: Verifier) -> str:
        return "spiffe://example.org/ns/production/sa/verifier"

    monkeypatch.setattr(Verifier, "_child", child)
    monkeypatch.setattr("finial.lab.routes.admit", lambda *_: None)

    async def scenario() -> None:
        async with all_serving(tmp_path) as (ports, by_name):
            own = by_name["verifier"]
            told = {"endpoint": own.api.address, "ports": ports}
            checks = Verifier(told, own.source._api, own.source, SystemClock()).checks()
            wrong = [one.what async for one in checks if not one.ok]
            assert wrong == [
                *(f"{one.name}{one.route} with the wrong ID" for one in LAB.services),
                "a child of a vouched process",
            ]

    asyncio.run(scenario())


def test_a_service_that_is_away_is_no_refused_handshake(tmp_path: Path) -> None:
    """A call that never reached anybody proves nothing; the checks of /health tell that it is away."""

    async def scenario() -> None:
        async with all_serving(tmp_path) as (_, by_name):
            own = by_name["verifier"]
            told = {"endpoint": own.api.address, "ports": dict.fromkeys(LAB.names, 1)}
            run = Verifier(told, own.source._api, own.source, SystemClock())
            assert not (await run._without_certificate()).ok

    asyncio.run(scenario())


def test_it_is_started_by_the_launcher_only() -> None:
    with pytest.raises(SystemExit):
        verifier.main([])
