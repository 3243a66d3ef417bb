from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from finial.cli.completion import candidates as module
from finial.cli.completion.candidates import MOST, Question, ask, expanded, question
from finial.cli.server_socket import ServerFlags
from finial.errors import Unavailable

List = Callable[[object], AsyncGenerator[tuple[str, str], None]]


def listing(*found: tuple[str, str]) -> List:
    async def listed(_: object) -> AsyncGenerator[tuple[str, str], None]:
        for one in found:
            yield one

    return listed


def offered(monkeypatch: pytest.MonkeyPatch, listed: List, begins: str = "") -> list[tuple[str, str]]:
    monkeypatch.setattr(module, "LISTS", {"entry": listed})
    return asyncio.run(ask(["finial", "entry", "show", "-socketPath", "/a", "-entryID", begins]))


@pytest.mark.parametrize(
    ("line", "refers_to", "begins"),
    [
        ("finial entry show -entryID we", "entry", "we"),
        ("finial entry show -entryID=we", "entry", "we"),
        ("finial entry show --entryID=", "entry", ""),
        ("/opt/bin/finial entry update -parentID p -entryID 'we", "entry", "we"),
        ("spire-server agent ban -spiffeID spiffe://a", "agent", "spiffe://a"),
        ("finial agent show -output json -spiffeID spiffe://a", "agent", "spiffe://a"),
        ("finial entry create -admin -parentID s", "parent", "s"),
        ("finial localauthority jwt revoke -authorityID a", "jwt_authority", "a"),
        ("finial localauthority x509 revoke -authorityID a", "x509_authority", "a"),
    ],
)
def test_the_last_word_tells_what_is_asked_for(line: str, refers_to: str, begins: str) -> None:
    assert question(line.split(" ")) == Question(refers_to, begins, ServerFlags())


@pytest.mark.parametrize(
    "line",
    [
        "",
        "finial",
        "finial nope x",
        "other entry show -entryID x",
        "finial entry",
        "finial entry show",
        "finial entry show -en",
        "finial entry show -entryID a b",
        "finial entry show -hint x",
        "finial entry show -nope x",
        "finial entry create -entryID x",
        "spire-agent api fetch -socketPath x",
        "finial version -output x",
    ],
)
def test_nothing_else_is_asked_for(line: str) -> None:
    assert question(line.split(" ")) is None


def test_the_socket_is_that_of_the_line() -> None:
    asked = question(
        ["finial", "entry", "show", "-socketPath", "/a/api.sock", "-instance=b", "-entryID", "x"]
    )
    assert asked == Question("entry", "x", ServerFlags(socket_path="/a/api.sock", instance="b"))


def test_a_word_is_taken_as_the_shell_will(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/a")
    assert expanded("~/api.sock") == expanded("$HOME/api.sock") == "/home/a/api.sock"
    assert expanded("'/my run/api.sock'") == expanded("/my\\ run/api.sock") == "/my run/api.sock"
    assert expanded("'/open") == "'/open"


def test_what_begins_so_is_offered_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = listing(("web-2", "b"), ("api", "a"), ("web", "a"), ("web", "again"))
    assert offered(monkeypatch, listed, "we") == [("web", "a"), ("web-2", "b")]


@pytest.mark.parametrize(
    "value", ["$(id)", "a;b", "a b", "`id`", "~", "a\nb", "{a,b}", "'", "\x1b[2J", "é", ""]
)
def test_what_a_shell_would_treat_specially_is_not_offered(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    assert offered(monkeypatch, listing((value, ""))) == []


def test_a_description_that_would_steer_a_terminal_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered(monkeypatch, listing(("web", "\x1b[2J"))) == [("web", "")]


def test_of_many_some_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [(f"entry-{number}", "") for number in range(MOST + 1)]
    assert len(offered(monkeypatch, listing(*many))) == MOST


def breaking(*found: tuple[str, str]) -> List:
    async def listed(_: object) -> AsyncGenerator[tuple[str, str], None]:
        for one in found:
            yield one
        raise Unavailable("gone")

    return listed


def test_one_of_an_unfinished_list_may_not_be_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered(monkeypatch, breaking(("web", ""))) == []
    assert offered(monkeypatch, breaking(("web", ""), ("api", ""))) == [("api", ""), ("web", "")]


def test_an_instance_without_a_template_is_no_error() -> None:
    words = ["finial", "entry", "show", "-instance", "a", "-entryID", "x"]
    assert asyncio.run(ask(words, {})) == []


def test_a_server_that_does_not_answer_is_waited_for_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 0.05)

    async def run(path: Path) -> list[tuple[str, str]]:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        async with await asyncio.start_unix_server(silent, path):
            asked = ask(["finial", "entry", "show", "-socketPath", str(path), "-entryID", ""])
            return await asyncio.wait_for(asked, 5)

    with tempfile.TemporaryDirectory(prefix="finial-") as folder:
        assert asyncio.run(run(Path(folder) / "api.sock")) == []
