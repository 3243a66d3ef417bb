from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from finial.errors import FailedPrecondition, NotFound, Unavailable
from finial.lab import lifecycle, process, state
from finial.lab.channel import Channel, Record
from finial.lab.lifecycle import ask, asked, default_lab, down, required, sweep
from finial.lab.place import Place
from finial.lab.process import Child
from finial.lab.state import Started, State

SLEEP = ("-S", "-c", "import signal; signal.pause()")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place.at(tmp_path / "lab", {"XDG_RUNTIME_DIR": str(tmp_path)})
    made.make()
    return made


def sleeper(place: Place, name: str) -> Child:
    return process.start(name, SLEEP, place.log(name))


def test_down_ends_the_launcher_and_what_it_left_and_removes_everything(place: Place) -> None:
    async def scenario() -> None:
        launcher, server, other = (sleeper(place, name) for name in ("launcher", "server", "other"))
        found = State({}, launcher=launcher.started, processes={"server": server.started})
        state.write(place.state_file, found)
        assert await down(place, keep=False)
        assert not process.alive(launcher.started)
        assert not process.alive(server.started)
        assert process.alive(other.started)
        assert not place.folder.exists()
        await other.end()
        for one in (launcher, server):
            await one.end()

    asyncio.run(scenario())


def test_down_never_signals_a_number_that_was_given_out_again(place: Place) -> None:
    async def scenario() -> None:
        other = sleeper(place, "other")
        again = Started(other.started.pid, other.started.start_time + 1)
        state.write(place.state_file, State({}, launcher=again, processes={"server": again}))
        assert await down(place, keep=False)
        assert process.alive(other.started)
        await other.end()

    asyncio.run(scenario())


def test_down_with_keep_leaves_the_data(place: Place) -> None:
    state.write(place.state_file, State({"server": 18081}, ttl=7))
    assert asyncio.run(down(place, keep=True))
    assert state.read(place.state_file) == State({"server": 18081}, ttl=7)
    assert not place.run.exists()
    assert place.data("server").exists()


def test_down_removes_a_lab_whose_state_cannot_be_read(place: Place) -> None:
    place.state_file.write_text("nonsense")
    assert asyncio.run(down(place, keep=False))
    assert not place.folder.exists()


def test_down_keeps_its_hands_off_while_an_unknown_launcher_runs(place: Place) -> None:
    place.state_file.write_text("nonsense")
    with place.alone(), pytest.raises(FailedPrecondition, match="another launcher has"):
        asyncio.run(down(place, keep=False))
    assert place.data("server").exists()


def test_there_is_nothing_to_take_down(tmp_path: Path) -> None:
    assert not asyncio.run(down(Place.at(tmp_path / "none", {}), keep=False))


def test_a_lab_is_required_to_run(place: Place) -> None:
    for found in (None, State({}), State({}, launcher=Started(1, 1))):
        if found is not None:
            state.write(place.state_file, found)
        with pytest.raises(NotFound, match="no lab runs in"):
            required(place)


def test_the_default_lab_is_found_where_it_runs(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    place = Place.at(tmp_path / "finial" / "lab", environment)
    assert default_lab(environment) is None
    assert default_lab({}) is None
    place.make()

    async def scenario() -> None:
        launcher = sleeper(place, "launcher")
        state.write(place.state_file, State({}, launcher=launcher.started))
        assert default_lab(environment) == place
        await launcher.end()
        assert default_lab(environment) is None

    asyncio.run(scenario())


def test_sweeping_ends_services_before_the_server(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []

    async def end(started: Started) -> bool:
        ended.append(started.pid)
        return True

    monkeypatch.setattr(process, "end", end)
    asyncio.run(sweep(State({}, processes={"server": Started(1, 1), "web": Started(2, 2)})))
    assert ended == [2, 1]


def answering(place: Place, *answers: Record) -> Record | list[Record]:
    """What `asked` gives of a launcher that answers so."""

    async def scenario() -> list[Record]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async with Channel(reader, writer) as channel:
                await channel.receive()
                for one in answers:
                    await channel.send(one)

        async with await asyncio.start_unix_server(serve, str(place.control_socket)):
            return [one async for one in asked(place, {"verb": "verify"})]

    return asyncio.run(scenario())


def test_answers_are_read_until_the_last(place: Place) -> None:
    assert answering(place, {"what": 1}, {"done": True}, {"what": 2}) == [{"what": 1}, {"done": True}]


def test_a_refusal_of_the_launcher_is_raised_with_its_hint(place: Place) -> None:
    with pytest.raises(FailedPrecondition, match="not today") as caught:
        answering(place, {"failed": "not today", "hint": "tomorrow"})
    assert caught.value.hint == "tomorrow"


def test_no_launcher_is_unavailable(place: Place) -> None:
    with pytest.raises(Unavailable, match="connect to the lab"):
        asyncio.run(ask(place, {"verb": "status"}))


def test_a_launcher_that_fails_is_told_and_is_gone(place: Place) -> None:
    async def scenario() -> None:
        with pytest.raises(FailedPrecondition, match="there is no lab in"):
            await lifecycle.launch(place, lambda _: None)

    asyncio.run(scenario())


def test_a_launcher_that_is_only_starting_is_waited_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "CONTROL_PAUSE", 0.01)
    asked_so_far = 0

    async def ask_later(place: Place, request: Record) -> Record:
        nonlocal asked_so_far
        asked_so_far += 1
        if asked_so_far < 3:
            raise Unavailable("not listening yet")
        return {"processes": []}

    monkeypatch.setattr(lifecycle, "ask", ask_later)

    async def scenario() -> None:
        launcher = sleeper(place, "launcher")
        found = State({}, launcher=launcher.started)
        assert await lifecycle.all_well(place, found) == {"processes": []}
        assert asked_so_far == 3
        await launcher.end()

    asyncio.run(scenario())


def test_a_launcher_that_went_away_is_not_waited_for(place: Place) -> None:
    with pytest.raises(Unavailable):
        asyncio.run(lifecycle.all_well(place, State({}, launcher=Started(1, 1))))


def test_a_port_that_is_snatched_away_is_no_reason_to_fail(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []
    with socket.socket() as snatched:

        async def launch(place: Place, tell: Callable[[Record], None]) -> None:
            found = state.read(place.state_file)
            assert found is not None
            tried.append(found.ports["server"])
            if len(tried) == 1:
                snatched.bind(("127.0.0.1", found.ports["server"]))
                snatched.listen()
                raise FailedPrecondition("server ended: listen: address already in use")

        monkeypatch.setattr(lifecycle, "launch", launch)
        chosen = asyncio.run(lifecycle._launch_on_free_ports(place, State({"server": free_port()}, 0), print))
    assert len(tried) == 2
    assert chosen.ports["server"] == tried[1] != tried[0]


def test_other_failures_are_not_tried_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    async def launch(place: Place, tell: Callable[[Record], None]) -> None:
        tried.append(1)
        raise FailedPrecondition("server ended: disk full")

    monkeypatch.setattr(lifecycle, "launch", launch)
    with pytest.raises(FailedPrecondition, match="disk full"):
        asyncio.run(lifecycle._launch_on_free_ports(place, State({}, 0), print))
    assert tried == [1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
