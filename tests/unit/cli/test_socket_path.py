from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from finial.cli.socket_path import Socket, default_or_lab
from finial.errors import InvalidArgument
from finial.lab import process, state
from finial.lab.place import Place
from finial.lab.state import State

DEFAULT = "/nonexistent/api.sock"
SOCKET = Socket("server", DEFAULT, variable="A_SOCKET", template="A_TEMPLATE", no_template="no A_TEMPLATE")


@pytest.mark.parametrize(
    ("given", "instance", "environment", "path"),
    [
        ("", "", {}, DEFAULT),
        ("", "", {"A_SOCKET": "/env.sock"}, "/env.sock"),
        ("/flag.sock", "", {"A_SOCKET": "/env.sock"}, "/flag.sock"),
        ("/flag.sock", "a", {"A_TEMPLATE": "/run/%i/api.sock"}, "/run/a/api.sock"),
    ],
)
def test_the_line_counts_before_the_environment_and_the_default(
    tmp_path: Path, given: str, instance: str, environment: dict[str, str], path: str
) -> None:
    assert SOCKET.path(given, instance, {"HOME": str(tmp_path), **environment}) == path


def test_an_instance_needs_a_template() -> None:
    with pytest.raises(InvalidArgument, match="^no A_TEMPLATE$"):
        SOCKET.path("/flag.sock", "a", {})


def test_without_a_lab_it_is_the_default(tmp_path: Path) -> None:
    assert default_or_lab(DEFAULT, "server", {"HOME": str(tmp_path)}, "finial") == DEFAULT


def test_finial_finds_the_lab_that_runs_and_spires_names_do_not(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    place = Place.at(tmp_path / "finial" / "lab", environment)
    place.make()
    (tmp_path / "api.sock").touch()

    async def scenario() -> None:
        launcher = process.start("x", ("-S", "-c", "import signal; signal.pause()"), place.log("x"))
        state.write(place.state_file, State({}, launcher=launcher.started))
        assert default_or_lab(DEFAULT, "server", environment, "/usr/bin/finial") == str(place.server_socket)
        assert default_or_lab(DEFAULT, "agent", environment, "finial") == str(place.agent_socket)
        assert default_or_lab(DEFAULT, "server", environment, "/usr/bin/spire-server") == DEFAULT
        there = str(tmp_path / "api.sock")
        assert default_or_lab(there, "server", environment, "finial") == there
        await launcher.end()

    asyncio.run(scenario())


def test_the_program_is_known_by_its_own_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["spire-agent"])
    assert default_or_lab(DEFAULT, "agent", {"HOME": str(tmp_path)}) == DEFAULT
