from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from finial.cli.api import read_timeout, within
from finial.errors import DeadlineExceeded, InvalidArgument
from finial.testing.transcripts import Outcome

Call = Callable[..., Outcome]


def test_timeouts_are_durations_of_go() -> None:
    assert read_timeout("1m30s") == 90.0
    with pytest.raises(InvalidArgument, match='time: invalid duration "5"|missing unit'):
        read_timeout("5")


def test_an_agent_that_does_not_answer_in_time() -> None:
    async def run() -> None:
        await within(0.001, asyncio.Event().wait())

    with pytest.raises(DeadlineExceeded, match="rpc error: code = DeadlineExceeded desc = context deadline"):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("fetch", "jwt"), "audience must be specified"),
        (("validate", "jwt"), "audience must be specified"),
        (("validate", "jwt", "-audience", "a"), "svid must be specified"),
    ],
)
def test_what_is_missing_is_told_before_a_call(call: Call, words: tuple[str, ...], why: str) -> None:
    assert call("api", *words, program="spire-agent") == Outcome(1, "", f"{why}\n")


def test_the_agent_that_is_away_is_named_with_a_next_step(call: Call, tmp_path: Path) -> None:
    got = call("agent", "api", "fetch", "-socketPath", str(tmp_path / "absent.sock"))
    assert got.exit == 1
    assert got.err.splitlines()[1].startswith("hint: is the agent running?")
