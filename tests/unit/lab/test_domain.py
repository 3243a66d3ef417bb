from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from finial.errors import DeadlineExceeded
from finial.lab import domain
from finial.lab.domain import Domain, write_configs
from finial.lab.place import Place
from finial.lab.ports import defaults
from finial.lab.state import State
from finial.lab.topology import LAB
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place.at(tmp_path / "lab", {"XDG_RUNTIME_DIR": str(tmp_path)})
    made.make()
    return made


def in_a_domain(place: Place, check: Callable[[Domain], None], ttl: int = 0) -> None:
    async def scenario() -> None:
        clock = SystemClock()
        log = Logger(Output(io.StringIO(), now=clock.now))
        check(Domain(place, State(defaults(LAB.names), ttl), clock, log, lambda _: None))

    asyncio.run(scenario())


def status(ok: int, denied: int) -> dict[str, object]:
    return {"id": "x", "calls": {"ok": ok, "denied": denied, "failed": 0}}


def test_a_service_has_talked_after_each_call_and_the_impostor(place: Place) -> None:
    def check(made: Domain) -> None:
        for name, counts in (
            ("user-service", (2, 1)),
            ("payment-api", (2, 1)),
            ("inventory-service", (0, 3)),
        ):
            made._take(name, status(counts[0], counts[1] - 1))
            assert not made._talked[name].is_set()
            made._take(name, status(*counts))
            assert made._talked[name].is_set()

    in_a_domain(place, check)


def test_lifetimes_of_the_state_are_those_of_the_topology(place: Place) -> None:
    in_a_domain(place, lambda made: _assert_ttls(made, {10}), ttl=10)
    in_a_domain(place, lambda made: _assert_ttls(made, {600, 1200, 1800}))


def _assert_ttls(made: Domain, wanted: set[int]) -> None:
    assert {one.ttl for one in made.topology.services} == wanted


def test_who_keeps_the_lab_from_being_well_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "TALK_TIMEOUT", 0.01)

    async def scenario() -> None:
        clock = SystemClock()
        log = Logger(Output(io.StringIO(), now=clock.now))
        made = Domain(place, State(defaults(LAB.names)), clock, log, lambda _: None)
        made.server.up.set()
        with pytest.raises(DeadlineExceeded, match="see agent, user-service, payment-api, inventory-service"):
            await made.until_talked()

    asyncio.run(scenario())


def test_configuration_files_are_private(place: Place) -> None:
    write_configs(place, LAB, State(defaults(()) | {"server": 18081}))
    for name in ("server", "agent"):
        assert place.config(name).stat().st_mode & 0o777 == 0o600
        assert "18081" in place.config(name).read_text()


def test_the_server_gets_the_database_that_was_named(place: Place) -> None:
    write_configs(place, LAB, State(defaults(()) | {"server": 18081}, postgres="host=db user=ada"))
    text = place.config("server").read_text()
    assert '"postgres"' in text and '"host=db user=ada"' in text and "sqlite" not in text


def test_a_console_is_kept_where_it_has_a_port(place: Place) -> None:
    async def scenario() -> None:
        log = Logger(Output(io.StringIO(), now=SystemClock().now))
        for ports, kept in ((defaults(()), []), (defaults(()) | {"console": 3000}, ["console"])):
            made = Domain(place, State(ports), SystemClock(), log, lambda _: None)
            assert [one.name for one in made.console] == kept
            assert [one.name for one in made.kept][-1:] == (kept or [LAB.names[-1]])

    asyncio.run(scenario())
