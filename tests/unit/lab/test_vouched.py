from __future__ import annotations

import asyncio
import os
import socket

import pytest

from finial.errors import Unavailable
from finial.lab import channel as channels
from finial.lab import vouched
from finial.lab.channel import Channel


def test_options_are_what_the_parser_reads() -> None:
    given = vouched.parser("x", "y").parse_args(vouched.options(3, 4))
    assert (given.channel, given.lifeline) == (3, 4)


def test_it_is_prepared_before_it_is_told_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden: list[bool] = []
    monkeypatch.setattr(vouched, "hide", lambda: hidden.append(True))

    async def scenario() -> None:
        ours, theirs = channels.pair()
        reading, writing = os.pipe()
        os.set_inheritable(writing, True)
        async with await Channel.over(ours) as launcher, await Channel.over(theirs) as channel:
            began, prepared = await asyncio.gather(
                _begin_and_go(channel, writing, launcher), asyncio.sleep(0)
            )
            assert began == {"endpoint": "unix:///x"}
            assert prepared is None
        assert not os.get_inheritable(writing)
        assert hidden == [True]
        os.close(reading)
        os.close(writing)

    asyncio.run(scenario())


async def _begin_and_go(channel: Channel, lifeline: int, launcher: Channel) -> object:
    async def launch() -> None:
        assert await launcher.receive() == {"prepared": os.getpid()}
        await launcher.send({"go": {"endpoint": "unix:///x"}})

    return (await asyncio.gather(vouched.begin(channel, lifeline), launch()))[0]


def test_a_launcher_that_leaves_vouches_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vouched, "hide", lambda: None)

    async def scenario() -> None:
        ours, theirs = channels.pair()
        reading, writing = os.pipe()
        async with await Channel.over(theirs) as channel:
            waiting = asyncio.gather(vouched.begin(channel, writing), _leave(ours), return_exceptions=True)
            outcome, _ = await waiting
            assert isinstance(outcome, Unavailable)
        os.close(reading)
        os.close(writing)

    async def _leave(sock: socket.socket) -> None:
        async with await Channel.over(sock) as launcher:
            await launcher.receive()

    asyncio.run(scenario())
