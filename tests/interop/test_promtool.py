"""What a server and an agent export, read by Prometheus' own tool."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from finial.testing.telemetry import Program, running_agent, running_server, scraped

pytestmark = pytest.mark.interop
ADVICE = 3  # exit code: read, with advice
OF_SPIRE = re.compile(
    r'counter metrics should have "_total" suffix'
    r'|non-counter metrics should not have "_total" suffix'
    r'|non-histogram and non-summary metrics should not have "_count" suffix'
    r"|metric names should not contain abbreviated units"
    r"|metric names should be written in 'snake_case' not 'camelCase'"
)
"""What it would like otherwise about SPIRE's names, which are as they are."""


@pytest.mark.parametrize("runner", [running_server, running_agent])
def test_metrics_are_read_and_our_own_leave_nothing_to_wish(
    tmp_path: Path,
    debian_program: Callable[[str, str], Path],
    runner: Callable[[Path, str], AbstractAsyncContextManager[Program]],
) -> None:
    promtool = debian_program("prometheus", "promtool")

    async def scenario() -> str:
        async with runner(tmp_path, "Prometheus {}") as program:
            await program.call()
            return await scraped(program)

    done = subprocess.run(
        [promtool, "check", "metrics"], input=asyncio.run(scenario()), capture_output=True, text=True
    )
    assert done.returncode in (0, ADVICE), done.stderr
    advice = (done.stdout + done.stderr).splitlines()
    assert not [one for one in advice if one.startswith("finial_") or not OF_SPIRE.search(one)]
