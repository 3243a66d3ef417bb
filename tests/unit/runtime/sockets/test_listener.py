"""Budgets at accept: how many in a turn, at once, of one user, and what happens when descriptors run out."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from finial.errors import Unavailable
from finial.runtime.peer import Peer
from finial.runtime.sockets import AcceptLimits, Listener, Proxies, Source, listen_tcp, listen_unix
from finial.runtime.sockets import listener as listener_module
from finial.runtime.tasks import Tasks
from finial.runtime.tls import FollowingContext, Material
from finial.testing.ca import TestCa

Scenario = Callable[[], Awaitable[None]]
CA = TestCa()
SERVER = CA.leaf("/server")


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Any], None]:
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def runner(work: Any) -> None:
        with asyncio.Runner(loop_factory=factory) as loop:
            loop.run(asyncio.wait_for(work, 20))

    return runner


class Kept(asyncio.Protocol):
    """Keeps its connection, and gives the peer back at its end."""

    def __init__(self, made: list[Kept], peer: Peer | None) -> None:
        self.made, self.peer = made, peer
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.made.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self.peer is not None:
            self.peer.close()


class Serving:
    def __init__(self, sock: socket.socket, tasks: Tasks, **options: Any) -> None:
        self.made: list[Kept] = []
        self.reasons: list[str] = []
        self.listener = Listener(
            sock, lambda peer: Kept(self.made, peer), tasks, on_refusal=self.reasons.append, **options
        )

    async def until(self, condition: Callable[[], bool]) -> None:
        await until(condition)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - the kernel and the loop are waited for; they set no event
        await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def serving(sock: socket.socket, **options: Any) -> AsyncIterator[Serving]:
    async with Tasks() as tasks:
        made = Serving(sock, tasks, **options)
        try:
            yield made
        finally:
            made.listener.close()
            for one in made.made:
                one.transport.close()
            await made.until(lambda: all(one.lost for one in made.made))


def connected(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(path))
    return client


def test_caller_of_a_unix_socket_is_pinned_and_given_back(run: Any, tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "api.sock"
        async with serving(listen_unix(path)) as server:
            with connected(path):
                await server.until(lambda: len(server.made) == 1)
                peer = server.made[0].peer
                assert peer is not None
                assert peer.pid == os.getpid()
                assert dict(server.listener.by_uid) == {os.geteuid(): 1}
            await server.until(lambda: server.made[0].lost)
            assert not server.listener.by_uid
            assert peer.pidfd == -1

    run(scenario())


def test_tcp_has_no_peer(run: Any) -> None:
    async def scenario() -> None:
        async with serving(listen_tcp("127.0.0.1", 0)) as server:
            with socket.create_connection(server.listener.address):
                await server.until(lambda: len(server.made) == 1)
                assert server.made[0].peer is None

    run(scenario())


def test_connections_of_one_user_are_capped(run: Any, tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "api.sock"
        async with serving(listen_unix(path), limits=AcceptLimits(per_uid=2)) as server:
            with contextlib.ExitStack() as stack:
                clients = [stack.enter_context(connected(path)) for _ in range(3)]
                await server.until(lambda: bool(server.reasons))
                assert server.reasons == [f"uid {os.geteuid()} has 2 connections, no more are allowed"]
                assert dict(server.listener.refused) == {"ResourceExhausted": 1}
                assert clients[2].recv(1) == b""
                clients[0].close()
                await server.until(lambda: server.made[0].lost)
                stack.enter_context(connected(path))
                await server.until(lambda: len(server.made) == 3)

    run(scenario())


def test_caller_that_cannot_be_pinned_is_cut_off(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Peer:
        raise Unavailable("caller pid 7: process has ended")

    async def scenario() -> None:
        path = tmp_path / "api.sock"
        monkeypatch.setattr(listener_module, "pin", refuse)
        async with serving(listen_unix(path)) as server:
            with connected(path) as client:
                await server.until(lambda: bool(server.reasons))
                assert client.recv(1) == b""
            assert not server.made

    run(scenario())


def test_turn_of_the_loop_takes_no_more_than_its_share(run: Any, tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "api.sock"
        async with serving(listen_unix(path), limits=AcceptLimits(per_turn=2)) as server:
            with contextlib.ExitStack() as stack:
                for _ in range(9):
                    stack.enter_context(connected(path))
                shares, before = list[int](), 0
                while len(server.made) < 9:
                    await asyncio.sleep(0)
                    taken = sum(server.listener.by_uid.values())
                    shares.append(taken - before)
                    before = taken
                assert max(shares) == 2

    run(scenario())


def test_silent_tls_client_never_reaches_the_process(run: Any) -> None:
    async def scenario() -> None:
        context = FollowingContext(Material({}, SERVER.chain, SERVER.key), lambda _: None, server_side=True)
        async with serving(listen_tcp("127.0.0.1", 0), context=context) as server:
            with socket.create_connection(server.listener.address):
                for _ in range(50):
                    await asyncio.sleep(0)
                assert server.listener._admissions == 0

    run(scenario())


def test_where_the_kernel_does_not_wait_for_it_a_silent_client_is_cut_off_at_the_timeout(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "DEFER_ACCEPT", None)

    async def scenario() -> None:
        context = FollowingContext(Material({}, SERVER.chain, SERVER.key), lambda _: None, server_side=True)
        limits = AcceptLimits(handshake_timeout=0.05)
        async with serving(listen_tcp("127.0.0.1", 0), context=context, limits=limits) as server:
            with socket.create_connection(server.listener.address) as client:
                await server.until(lambda: bool(server.listener.refused))
                assert client.recv(1) == b""
                assert server.listener._admissions == 0
            assert not server.made

    run(scenario())


def test_client_that_stops_after_the_hello_is_cut_off_at_the_timeout(run: Any) -> None:
    async def scenario() -> None:
        context = FollowingContext(Material({}, SERVER.chain, SERVER.key), lambda _: None, server_side=True)
        limits = AcceptLimits(handshake_timeout=0.05)
        async with serving(listen_tcp("127.0.0.1", 0), context=context, limits=limits) as server:
            with socket.create_connection(server.listener.address) as client:
                client.send(b"\x16\x03\x01\x02\x00\x01")
                await server.until(lambda: bool(server.listener.refused))
                assert client.recv(1) == b""
            assert not server.made

    run(scenario())


def test_handshakes_under_way_are_capped_and_the_rest_waits(run: Any) -> None:
    async def scenario() -> None:
        context = FollowingContext(Material({}, SERVER.chain, SERVER.key), lambda _: None, server_side=True)
        limits = AcceptLimits(admissions=1, handshake_timeout=0.05)
        async with serving(listen_tcp("127.0.0.1", 0), context=context, limits=limits) as server:
            with contextlib.ExitStack() as stack:
                for _ in range(3):
                    client = stack.enter_context(socket.create_connection(server.listener.address))
                    client.send(b"\x16\x03\x01")
                seen = 0
                while server.listener.refused.total() < 3:
                    seen = max(seen, server.listener._admissions)
                    await asyncio.sleep(0.001)
                assert seen == 1

    run(scenario())


@pytest.mark.parametrize(("sent", "kind"), [(b"PROXY TCP4 ", "TimeoutError"), (b"PROXY!", "InvalidArgument")])
def test_a_proxy_that_is_slow_or_wrong_is_cut_off_and_its_place_is_free_again(
    run: Any, sent: bytes, kind: str
) -> None:
    async def scenario() -> None:
        made = list[Kept]()
        options: dict[str, Any] = {
            "limits": AcceptLimits(admissions=1, handshake_timeout=0.05),
            "behind": (Proxies(["127.0.0.0/8"]), lambda source: Kept(made, None)),
        }
        async with serving(listen_tcp("127.0.0.1", 0), **options) as server:
            for number in (1, 2):
                with socket.create_connection(server.listener.address) as client:
                    client.send(sent)
                    await server.until(lambda: server.listener.refused[kind] == number)  # noqa: B023 - awaited within the turn
                    with contextlib.suppress(ConnectionResetError):  # where bytes were left unread
                        assert client.recv(1) == b""
            assert not (made or server.made)

    run(scenario())


def test_who_is_behind_a_proxy_is_told_to_its_own_factory(run: Any) -> None:
    async def scenario() -> None:
        told = list[Source]()
        made = list[Kept]()

        def factory(source: Source) -> Kept:
            told.append(source)
            return Kept(made, None)

        behind = (Proxies(["127.0.0.0/8"]), factory)
        async with serving(listen_tcp("127.0.0.1", 0), behind=behind) as server:
            with socket.create_connection(server.listener.address) as client:
                client.send(b"PROXY TCP4 203.0.113.7 10.0.0.1 4444 8081\r\n")
                await server.until(lambda: len(made) == 1)
            with socket.create_connection(server.listener.address) as client:
                client.send(b"PROXY UNKNOWN\r\n")
                await server.until(lambda: len(server.made) == 1)
            await server.until(lambda: made[0].lost)
        assert told == [Source("203.0.113.7", 4444)]

    run(scenario())


class Exhausted:
    """A listening socket whose accept fails once, as when descriptors run out."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self.fails = sock, 1

    def accept(self) -> tuple[socket.socket, Any]:
        if self.fails:
            self.fails -= 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return self._sock.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def test_accepting_rests_when_descriptors_run_out(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(listener_module, "EMFILE_PAUSE", 0.01)
        path = tmp_path / "api.sock"
        sock: Any = Exhausted(listen_unix(path))
        async with serving(sock) as server:
            with connected(path):
                await server.until(lambda: len(server.made) == 1)
            assert dict(server.listener.refused) == {"OSError": 1}

    run(scenario())


def test_factory_that_fails_leaves_nothing_behind(run: Any, tmp_path: Path) -> None:
    async def scenario() -> None:
        path, failures = tmp_path / "api.sock", list[str]()

        def broken(_: Peer | None) -> asyncio.Protocol:
            raise ValueError("broken")

        async with Tasks(on_failure=lambda _, error: failures.append(str(error))) as tasks:
            listener = Listener(listen_unix(path), broken, tasks)
            with connected(path) as client:
                await until(lambda: bool(failures))
                assert client.recv(1) == b""
            assert not listener.by_uid
            listener.close()

    run(scenario())


def test_close_removes_its_own_file_only(run: Any, tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "api.sock"
        async with Tasks() as tasks:
            first = Listener(listen_unix(path), lambda peer: Kept([], peer), tasks)
            first.close()
            first.close()
            assert not path.exists()
            second = Listener(listen_unix(path), lambda peer: Kept([], peer), tasks)
            path.unlink()
            path.write_text("another's")
            second.close()
            assert path.read_text() == "another's"

    run(scenario())
