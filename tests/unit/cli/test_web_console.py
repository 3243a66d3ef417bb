"""`finial console`: what it takes, and what it says without its parts."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

from finial.cli import flags, web_console
from finial.cli.console import Console
from finial.cli.web_console import ConsoleFlags, LinkFlags, options_of, show, targets_of
from finial.console.access import Role
from finial.errors import NotFound, Unsupported

LINE = ("-socketPath", "/run/s.sock", "-agentSocketPath", "/run/a.sock", "-port", "3100", "-role", "viewer")


def test_what_is_named_is_taken() -> None:
    given, rest = flags.parse(
        ConsoleFlags,
        [*LINE, "-host", "a.example.org:3100", "-serverMetrics", "http://127.0.0.1:9988/metrics"],
    )
    assert not rest
    options = options_of(given)
    assert (options.server_socket, options.agent_socket, options.port) == (
        "/run/s.sock",
        "/run/a.sock",
        3100,
    )
    assert options.hosts == ("a.example.org:3100",)
    assert options.first_role is Role.VIEWER
    (target,) = options.targets
    assert (target.job, target.name) == ("spire-server", "spire-server 127.0.0.1:9988")


def test_a_lab_gives_what_was_not_named() -> None:
    found = {"spire-server": "http://127.0.0.1:1/metrics", "spire-agent": "http://127.0.0.1:2/metrics"}
    assert [one.url for one in targets_of(ConsoleFlags(), found)] == list(found.values())
    named = ConsoleFlags(agent_metrics=("http://a:3/metrics",))
    assert [one.url for one in targets_of(named, found)] == ["http://a:3/metrics"]


@pytest.mark.parametrize("line", [["-role", "root"], ["-serverMetrics", "file:///etc/passwd"]])
def test_what_is_no_role_or_address_is_refused(line: list[str]) -> None:
    with pytest.raises(flags.UsageError):
        flags.parse(ConsoleFlags, line)


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_console, "find_spec", lambda _: None)
    with pytest.raises(Unsupported) as told:
        asyncio.run(web_console.run(ConsoleFlags(), Console()))
    assert told.value.hint == 'pip install "finial[console]"'


def test_the_way_in_is_shown_to_people_and_to_programs() -> None:
    out = io.StringIO()
    show("http://h", "http://h/login?token=t", LinkFlags(), Console(stdout=out))
    show("http://h", "http://h/login?token=t", LinkFlags(output="json"), Console(stdout=out))
    *people, program = out.getvalue().splitlines()
    assert people[1] == "sign in  http://h/login?token=t"
    assert program == '{"address":"http://h","link":"http://h/login?token=t","role":"admin"}'


def test_a_link_wants_a_console(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        asyncio.run(web_console.link(LinkFlags(link_socket=str(tmp_path / "none")), Console()))
