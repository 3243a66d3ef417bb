from __future__ import annotations

import asyncio
import io
import socket
from pathlib import Path
from typing import Any

import pytest

from finial.lab import channel as channels
from finial.lab import service
from finial.lab.channel import Channel
from finial.lab.service import DemoService
from finial.lab.topology import LAB
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output
from finial.runtime.tasks import Tasks
from finial.testing.lab_services import CA, all_serving

pytestmark = pytest.mark.slow


def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_it_serves_waits_for_the_others_calls_and_tells(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with all_serving(tmp_path) as (ports, by_name):
            own = by_name["payment-api"].api
            own.serve(CA, LAB.id_of("payment-api").path, hints=["payment-api"])
            port = free()
            told = {"endpoint": own.address, "ports": ports | {"payment-api": port}}
            ours, theirs = channels.pair()
            clock = SystemClock()
            log = Logger(Output(io.StringIO(), now=clock.now))
            async with await Channel.over(ours) as launcher, Tasks() as tasks:
                channel = await Channel.over(theirs)
                demo = DemoService(LAB.service("payment-api"), channel, told, clock, log)
                running = tasks.start(demo.run())
                assert await receive(launcher) == {"serving": port}
                await launcher.send({"call": True})
                status = (await receive(launcher))["status"]
                assert status["id"] == str(LAB.id_of("payment-api"))
                assert (status["calls"]["ok"], status["calls"]["denied"], status["calls"]["failed"]) == (
                    2,
                    1,
                    0,
                )
                assert status["rotations"] == 0
                own.serve(CA, LAB.id_of("payment-api").path, hints=["payment-api"])
                rotated = (await receive(launcher))["status"]
                assert rotated["rotations"] == 1
                assert rotated["serial"] != status["serial"]
                await launcher.close()
                await running
                await channel.close()

    asyncio.run(scenario())


async def receive(channel: Channel) -> dict[str, Any]:
    async with asyncio.timeout(10):
        record = await channel.receive()
    assert record is not None
    return record


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PAUSE", 0.05)


def test_it_is_started_by_the_launcher_only() -> None:
    with pytest.raises(SystemExit):
        service.main(["payment-api"])
