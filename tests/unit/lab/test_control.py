from __future__ import annotations

import asyncio
import io
import stat
from pathlib import Path

import pytest

from finial.errors import FinialError
from finial.lab.channel import Channel, Record
from finial.lab.control import Control, status_of
from finial.lab.domain import Domain
from finial.lab.place import Place
from finial.lab.ports import defaults
from finial.lab.state import State
from finial.lab.topology import LAB
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output


def answer_to(folder: Path, request: Record) -> Record:
    async def scenario() -> Record:
        made = domain(folder)
        async with Control(made.place.control_socket, made):
            assert stat.S_IMODE(made.place.control_socket.stat().st_mode) == 0o600
            async with await Channel.to(str(made.place.control_socket)) as channel:
                await channel.send(request)
                found = await channel.receive()
                assert found is not None
        assert not made.place.control_socket.exists()
        return found

    return asyncio.run(scenario())


def domain(folder: Path) -> Domain:
    clock = SystemClock()
    place = Place.at(folder / "lab", {"XDG_RUNTIME_DIR": str(folder)})
    place.make()
    log = Logger(Output(io.StringIO(), now=clock.now))
    return Domain(place, State(defaults(LAB.names)), clock, log, lambda _: None)


def test_status_tells_of_every_process(tmp_path: Path) -> None:
    found = answer_to(tmp_path, {"verb": "status"})
    assert [one["name"] for one in found["processes"]] == ["server", "agent", *LAB.names]
    assert not any(one["up"] for one in found["processes"])
    assert found["processes"][2]["port"] == 18443
    assert [one["metrics_port"] for one in found["processes"]] == [9988, 9989, None, None, None]
    assert found["trust_domain"] == "example.org"


def test_what_a_service_told_is_part_of_its_status(tmp_path: Path) -> None:
    async def scenario() -> None:
        made = domain(tmp_path)
        made.statuses["payment-api"] = {"id": "x"}
        by_name = {one["name"]: one for one in status_of(made)["processes"]}
        assert by_name["payment-api"]["id"] == "x"
        assert "id" not in by_name["user-service"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("request_", "failure"),
    [
        ({"verb": "fly"}, 'the launcher knows no verb "fly"'),
        ({}, 'the launcher knows no verb "None"'),
        ({"verb": "restart", "name": "web"}, 'no process is called "web": there are server, agent'),
        ({"verb": "restart", "name": "agent"}, 'no process is called "agent"'),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(tmp_path: Path, request_: Record, failure: str) -> None:
    assert failure in answer_to(tmp_path, request_)["failed"]


def test_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Channel, "peer_uid", lambda self: 12345)
    assert answer_to(tmp_path, {"verb": "status"})["failed"] == "this lab is another user's"


def test_a_caller_that_leaves_at_once_does_no_harm(tmp_path: Path) -> None:
    async def scenario() -> None:
        made = domain(tmp_path)
        async with Control(made.place.control_socket, made):
            await (await Channel.to(str(made.place.control_socket))).close()
            async with await Channel.to(str(made.place.control_socket)) as channel:
                await channel.send({"verb": "status"})
                assert await channel.receive() is not None

    try:
        asyncio.run(scenario())
    except FinialError as why:
        pytest.fail(str(why))
