from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from finial.errors import InvalidArgument, Unavailable
from finial.lab import process
from finial.lab.handing import Handing
from finial.lab.process import Child
from finial.runtime.handover import AgentEnd, Handover
from finial.runtime.tasks import Tasks

SLEEP = ("-S", "-c", "import signal; signal.pause()")


def agent(sock: socket.socket, count: int) -> list[Handover]:
    """Takes and acknowledges so many."""
    end = AgentEnd(sock)
    found = []
    for _ in range(count):
        record = end.receive()
        assert record is not None
        end.acknowledge(record)
        for descriptor in (record.pidfd, record.lifeline):
            if descriptor >= 0:
                os.close(descriptor)
        found.append(record)
    return found


def start(folder: Path, name: str) -> Child:
    child = process.start(name, SLEEP, folder / f"{name}.log")
    reading, writing = os.pipe()
    os.close(writing)
    child.lifeline = reading
    return child


def test_each_agent_hears_of_every_process_that_runs(tmp_path: Path) -> None:
    async def scenario() -> None:
        handing = Handing()
        web, database, gone = (start(tmp_path, name) for name in ("web", "database", "gone"))
        first = handing.new_agent()
        async with Tasks() as tasks:
            taking = tasks.start(asyncio.to_thread(agent, first, 3))
            for one in (web, database, gone):
                await handing.vouch(one)
            taken = await taking
        assert [one.service for one in taken] == ["web", "database", "gone"]
        assert (taken[0].pid, taken[0].start_time) == (web.started.pid, web.started.start_time)
        assert taken[0].lifeline >= 0
        first.close()
        await gone.end()
        handing.forget(database)
        second = handing.new_agent()
        again, _ = await asyncio.gather(asyncio.to_thread(agent, second, 1), handing.again())
        assert [one.service for one in again] == ["web"]
        second.close()
        handing.close()
        await asyncio.gather(web.end(), database.end())

    asyncio.run(scenario())


def test_without_an_agent_nothing_is_handed_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        handing = Handing()
        web = start(tmp_path, "web")
        with pytest.raises(Unavailable, match="no agent"):
            await handing.vouch(web)
        inherited = handing.new_agent()
        assert not inherited.get_inheritable()
        await web.end()
        with pytest.raises(InvalidArgument, match='"web" has ended'):
            await handing.vouch(web)
        inherited.close()
        handing.close()

    asyncio.run(scenario())
