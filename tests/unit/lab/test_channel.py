from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from finial.errors import Internal, InvalidArgument, Unavailable
from finial.lab import channel as channels
from finial.lab.channel import LONGEST, Channel, failure
from finial.runtime.tasks import Tasks


async def both() -> tuple[Channel, Channel]:
    ours, theirs = channels.pair()
    return await Channel.over(ours), await Channel.over(theirs)


def test_records_arrive_in_order_until_the_other_end_closes() -> None:
    async def scenario() -> None:
        ours, theirs = await both()
        async with ours:
            async with theirs:
                await theirs.send({"a": 1})
                await theirs.send({"b": ["ä", None]})
            assert [one async for one in ours] == [{"a": 1}, {"b": ["ä", None]}]
            assert await ours.receive() is None

    asyncio.run(scenario())


@pytest.mark.parametrize("line", [b"[1]\n", b"{\n", b"\xff\n", b"x" * (LONGEST + 2) + b"\n"])
def test_what_is_no_record_is_an_error(line: bytes) -> None:
    async def scenario() -> None:
        ours, theirs = channels.pair()
        theirs.setblocking(False)
        async with await Channel.over(ours) as channel:
            async with Tasks() as tasks:
                tasks.start(asyncio.get_running_loop().sock_sendall(theirs, line))
                with pytest.raises(Internal):
                    await channel.receive()
        theirs.close()

    asyncio.run(scenario())


def test_half_a_record_is_none() -> None:
    async def scenario() -> None:
        ours, theirs = channels.pair()
        async with await Channel.over(ours) as channel:
            theirs.sendall(b'{"a":')
            theirs.close()
            assert await channel.receive() is None

    asyncio.run(scenario())


def test_an_inherited_end_is_not_inherited_further() -> None:
    async def scenario() -> None:
        ours, theirs = channels.pair()
        number = theirs.detach()
        os.set_inheritable(number, True)
        async with await Channel.inherited(number) as channel:
            assert not os.get_inheritable(number)
            ours.sendall(b'{"go":{}}\n')
            assert await channel.receive() == {"go": {}}
        ours.close()

    asyncio.run(scenario())


def test_without_an_inherited_end_there_is_no_channel() -> None:
    number = os.open(os.devnull, os.O_RDONLY)

    async def scenario() -> None:
        with pytest.raises(Internal, match="is no channel"):
            await Channel.inherited(number)

    asyncio.run(scenario())
    os.close(number)


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="connect to the lab"):
        asyncio.run(Channel.to(str(tmp_path / "none.sock")))


def test_the_peer_is_known_by_user() -> None:
    async def scenario() -> None:
        ours, theirs = await both()
        async with ours, theirs:
            assert ours.peer_uid() == os.geteuid()

    asyncio.run(scenario())


def test_sending_to_nobody_is_unavailable() -> None:
    async def scenario() -> None:
        ours, theirs = channels.pair()
        theirs.close()
        async with await Channel.over(ours) as channel:
            with pytest.raises(Unavailable):
                for _ in range(3):
                    await channel.send({"a": 1})

    asyncio.run(scenario())


def test_ends_close_on_exec() -> None:
    for end in channels.pair():
        assert not end.get_inheritable()
        assert end.type == socket.SOCK_STREAM
        end.close()


def test_a_failure_carries_its_hint() -> None:
    assert failure(InvalidArgument("x", hint="y")) == {"failed": "x", "hint": "y"}


def test_a_record_of_brackets_alone_is_refused() -> None:
    async def main() -> None:
        ours, theirs = channels.pair()
        with theirs:
            theirs.sendall(b"[" * 100_000 + b"\n")
            async with await Channel.over(ours) as channel:
                with pytest.raises(Internal, match="malformed"):
                    await channel.receive()

    asyncio.run(main())
