from __future__ import annotations

import asyncio
import io
import json
import os
import signal
from pathlib import Path

import pytest

from finial.config.server import load_server
from finial.errors import FinialError
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output
from finial.server.main import check_plugins, restrict_umask, serve
from finial.server.program import Server
from finial.testing.server import config_of, text_of


def test_the_program_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    """In a process of its own: umask and signal handlers are the process's."""
    log = tmp_path / "log"
    config = config_of(tmp_path, f'log_file = "{log}"')

    def ready(server: Server) -> None:
        os.kill(os.getpid(), signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGTERM)

    before = os.umask(0o022)
    try:
        assert asyncio.run(serve(config, ready)) == 0
    finally:
        os.umask(before)
    text = log.read_text()
    assert "Current umask 0022 is too permissive; setting umask 0027" in text
    assert "Server stopped gracefully" in text


def test_a_server_that_cannot_start_crashes_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "data.sqlite3").mkdir()
    log = tmp_path / "log"
    before = os.umask(0o027)
    try:
        assert asyncio.run(serve(config_of(tmp_path, f'log_file = "{log}"'))) == 1
    finally:
        os.umask(before)
    assert "Server crashed" in log.read_text()


def test_a_strict_umask_is_left_in_peace() -> None:
    text = io.StringIO()
    before = os.umask(0o077)
    try:
        restrict_umask(Logger(Output(text, now=SystemClock().now)))
    finally:
        os.umask(before)
    assert text.getvalue() == ""


def test_plugins_are_checked_without_a_server(tmp_path: Path) -> None:
    check_plugins(config_of(tmp_path))
    text = text_of(tmp_path)
    for wrong in ('KeyManager "memory"', 'NodeAttestor "join_token"'):
        with pytest.raises(FinialError):
            check_plugins(load_server(text.replace(wrong, wrong.split()[0] + ' "nope"'), "server.conf"))


def test_the_log_is_of_the_level_and_format_configured(tmp_path: Path) -> None:
    log = tmp_path / "log"
    options = f'log_file = "{log}" log_format = "json" log_source_location = true log_level = "INFO"'

    def ready(server: Server) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    assert asyncio.run(serve(config_of(tmp_path, options), ready)) == 0
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert "info" in {one["level"] for one in records}
    assert "debug" not in {one["level"] for one in records}
    assert all(".py:" in one["file"] for one in records)
