"""How the flags of `finial explain` name a process, and what its exit code says."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from pathlib import Path

import pytest

from finial.cli.console import Console
from finial.cli.explain import ExplainFlags, question_of, run
from finial.errors import InvalidArgument
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector


def test_without_a_name_it_is_about_the_command_itself() -> None:
    assert question_of(ExplainFlags()).pid == os.getpid()


def test_a_program_that_runs_is_its_process_and_one_that_does_not_a_selector() -> None:
    running = question_of(ExplainFlags(path=os.path.realpath(sys.executable)))
    assert running.pid
    assert question_of(ExplainFlags(path="/opt/none")).selectors == (Selector("unix", "path:/opt/none"),)


def test_what_was_expected_goes_along() -> None:
    flags = ExplainFlags(
        selector=("unix:uid:1000",),
        spiffe_id="spiffe://a.test/web",
        hint="x",
        agent_id="spiffe://a.test/spire/agent/t/a",
    )
    question = question_of(flags)
    assert (question.pid, question.selectors) == (None, (Selector("unix", "uid:1000"),))
    assert (question.spiffe_id, question.hint) == (SpiffeId.parse("spiffe://a.test/web"), "x")
    assert question.agent_id == SpiffeId.parse("spiffe://a.test/spire/agent/t/a")


def test_a_process_cannot_be_named_twice() -> None:
    with pytest.raises(InvalidArgument, match="-pid and -selector name the process twice"):
        question_of(ExplainFlags(pid=1, selector=("unix:uid:0",)))


def test_where_no_agent_answers_it_says_so_and_fails(tmp_path: Path) -> None:
    missing = str(tmp_path / "api.sock")
    flags = ExplainFlags(socket_path=missing, server_socket_path=missing, pid=1, output="json")
    out = io.StringIO()
    assert asyncio.run(run(flags, Console(stdout=out))) == 1
    record = json.loads(out.getvalue())
    assert record["faults"] == ["agent away"]
    text = io.StringIO()
    asyncio.run(
        run(ExplainFlags(socket_path=missing, pid=1, server_socket_path=missing), Console(stdout=text))
    )
    assert text.getvalue().startswith(f"No identity: no agent answers: {missing}: ")
