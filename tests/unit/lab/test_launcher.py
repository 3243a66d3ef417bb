from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from finial.errors import FailedPrecondition, Internal
from finial.lab import channel as channels
from finial.lab import launcher, state
from finial.lab.channel import Channel, Record
from finial.lab.launcher import _own_state, _report, launch
from finial.lab.place import Place
from finial.lab.state import State


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place.at(tmp_path / "lab", {"XDG_RUNTIME_DIR": str(tmp_path)})
    made.make()
    return made


def test_it_enters_itself_into_the_state(place: Place) -> None:
    state.write(place.state_file, State({"server": 1}, ttl=5))
    found = _own_state(place)
    assert found.launcher is not None
    assert found.launcher.pid == os.getpid()
    assert state.read(place.state_file) == found
    assert (found.ports, found.ttl) == ({"server": 1}, 5)


def test_without_a_state_it_does_not_start_and_says_why(place: Place) -> None:
    with pytest.raises(Internal, match="there is no lab in"):
        _own_state(place)

    async def scenario() -> None:
        ours, theirs = channels.pair()
        async with await Channel.over(ours) as up:
            assert await launch(place, theirs.detach()) == 1
            record = await up.receive()
            assert record is not None
            assert "there is no lab in" in record["failed"]

    asyncio.run(scenario())


def test_progress_ends_with_ready() -> None:
    async def scenario() -> None:
        ours, theirs = channels.pair()
        records: asyncio.Queue[Record] = asyncio.Queue()
        for one in ({"phase": "server"}, {"ready": True}, {"phase": "never"}):
            records.put_nowait(one)
        async with await Channel.over(ours) as up:
            async with await Channel.over(theirs) as progress:
                await _report(progress, records)
            assert [one async for one in up] == [{"phase": "server"}, {"ready": True}]

    asyncio.run(scenario())


def test_a_second_one_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "hide", lambda: None)
    with place.alone(), pytest.raises(FailedPrecondition, match="another launcher has"):
        launcher.main(["--dir", str(place.folder)])
