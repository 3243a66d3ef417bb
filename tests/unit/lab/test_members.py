from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from finial.errors import FailedPrecondition, Unavailable
from finial.lab import process
from finial.lab.handing import Handing
from finial.lab.members import Members, check_listening
from finial.lab.place import Place
from finial.lab.process import Child
from finial.lab.topology import LAB
from finial.runtime.clock import SystemClock


class Book(Handing):
    """Notes who was vouched for, instead of telling an agent."""

    def __init__(self) -> None:
        super().__init__()
        self.vouched: list[Child] = []
        self.forgotten: list[Child] = []

    async def vouch(self, child: Child) -> None:
        self.vouched.append(child)

    def forget(self, child: Child) -> None:
        self.forgotten.append(child)


def members(folder: Path, book: Book, started: list[Child]) -> Members:
    place = Place.at(folder / "lab", {"XDG_RUNTIME_DIR": str(folder)})
    place.make()
    return Members(place, LAB, {"server": 1}, book, SystemClock(), started.append)


@pytest.mark.slow
def test_a_process_is_vouched_for_once_it_is_prepared_and_the_agent_is_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        book, started, up = Book(), list[Child](), asyncio.Event()
        made = members(tmp_path, book, started)
        up.set()
        child, channel = await made.vouched("web", ("finial.testing.turncoat", "linger"), up)
        assert book.vouched == started == [child]
        assert child.lifeline >= 0
        await channel.close()
        await child.end()

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_process_that_cannot_start_is_told_with_its_last_words_and_forgotten(tmp_path: Path) -> None:
    async def scenario() -> None:
        book, started, up = Book(), list[Child](), asyncio.Event()
        made = members(tmp_path, book, started)
        with pytest.raises(
            FailedPrecondition, match="start web: web ended too early: .*No module named"
        ) as caught:
            await made.vouched("web", ("finial.testing.nobody",), up)
        assert "web" in caught.value.message
        assert book.vouched == []
        assert book.forgotten == started
        assert not process.alive(started[0].started)

    asyncio.run(scenario())


def test_listening_is_asked_of_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    with pytest.raises(Unavailable, match="nobody listens"):
        asyncio.run(check_listening(path))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        asyncio.run(check_listening(path))


def test_the_console_gets_its_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = members(tmp_path, Book(), [])
    made.ports = {"console": 3000, "server-metrics": 1, "agent-metrics": 2}
    seen: list[object] = []

    def start(name: str, arguments: tuple[str, ...]) -> Child:
        seen.extend((name, arguments))
        raise FailedPrecondition("seen")

    monkeypatch.setattr(Members, "_start", lambda _, *given: start(*given))
    with pytest.raises(FailedPrecondition, match="seen"):
        asyncio.run(made.console())
    name, arguments = seen
    assert name == "console"
    assert str(made.place.console_socket) in str(arguments)
