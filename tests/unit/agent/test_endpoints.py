"""The public socket."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from finial.agent.endpoints import Endpoints, Health
from finial.errors import FailedPrecondition, Unavailable
from finial.runtime.clock import SystemClock
from finial.runtime.log import Level, Logger, Output
from finial.runtime.metrics import Metrics
from finial.runtime.tasks import Tasks


def logger() -> tuple[Logger, io.StringIO]:
    text = io.StringIO()
    return Logger(Output(text, now=lambda: datetime(2026, 1, 1, tzinfo=UTC), level=Level.DEBUG)), text


def test_the_socket_has_its_mode_and_goes_when_the_agent_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        log, text = logger()
        path = tmp_path / "public" / "api.sock"
        async with Tasks() as tasks:
            endpoints = Endpoints(path, [], tasks, Metrics("spire_agent", SystemClock()), log)
            endpoints.start()
            assert path.stat().st_mode & 0o777 == 0o777
            assert path.parent.stat().st_mode & 0o777 == 0o755
            await endpoints.close()
        assert not path.exists()
        assert "Starting agent APIs" in text.getvalue()
        assert "Stopping agent APIs" in text.getvalue()

    asyncio.run(scenario())


def test_a_socket_that_another_agent_serves_is_left_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        log, _ = logger()
        async with Tasks() as tasks:
            first = Endpoints(tmp_path / "api.sock", [], tasks, Metrics("spire_agent", SystemClock()), log)
            first.start()
            second = Endpoints(tmp_path / "api.sock", [], tasks, Metrics("spire_agent", SystemClock()), log)
            with pytest.raises(FailedPrecondition, match="another process listens there"):
                second.start()
            await second.close()
            assert (tmp_path / "api.sock").exists()
            await first.close()

    asyncio.run(scenario())


def test_the_own_check_fails_where_nobody_serves(tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(Unavailable):
            await Health(tmp_path / "api.sock", logger()[0]).fetch_bundles()

    asyncio.run(scenario())
