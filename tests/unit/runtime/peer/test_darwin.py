"""The macOS side: what sockets answer there, in the layout of Apple's headers, and ends that a kqueue tells."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import signal
import subprocess
import sys
from typing import Any

import pytest

from finial.errors import Unavailable
from finial.runtime.peer import Peer, Process
from finial.testing.darwin import KQUEUE, side

darwin = side("finial.runtime.peer.darwin")

PID = bytes.fromhex("92100000")  # 4242
# struct xucred: version 0, user 501, 3 groups, two bytes of nothing; 20, 12, 61 and thirteen more.
CREDENTIALS = bytes.fromhex("00000000 f5010000 0300 0000 14000000 0c000000 3d000000") + bytes(52)
# audit_token_t: audit user 501, euid 501, egid 20, ruid 501, rgid 20, pid 4242, session 100015, version 9876.
TOKEN = bytes.fromhex("f5010000 f5010000 14000000 f5010000 14000000 92100000 af860100 94260000")
OTHER_PID, OTHER_VERSION = (TOKEN[:20] + b"\x93" + TOKEN[21:]), (TOKEN[:28] + b"\x95" + TOKEN[29:])
OTHER_USER, OTHER_GROUP = (TOKEN[:4] + bytes(4) + TOKEN[8:]), (TOKEN[:8] + bytes(4) + TOKEN[12:])


class Socket:
    """Answers LOCAL_PEERCRED, LOCAL_PEERPID and LOCAL_PEERTOKEN."""

    def __init__(self) -> None:
        self.answers: dict[int, bytes | int] = {1: CREDENTIALS, 2: PID, 6: TOKEN}

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert level == 0
        assert size == {1: 76, 2: 4, 6: 32}[option]
        answer = self.answers[option]
        if isinstance(answer, int):
            raise OSError(answer, os.strerror(answer))
        return answer


def pinned(sock: Socket) -> Peer:
    return Peer(darwin.connected(sock, 4242, deep=False))


def refused(sock: Socket, token: bytes | int) -> str:
    peer = pinned(sock)
    peer.check()
    sock.answers[6] = token
    with pytest.raises(Unavailable) as caught:
        peer.check()
    return str(caught.value)


def test_credentials_are_read_field_by_field() -> None:
    assert darwin.credentials(Socket()) == (4242, 501, 20)


def test_credentials_of_another_layout_are_refused() -> None:
    sock = Socket()
    sock.answers[1] = b"\1" + CREDENTIALS[1:]
    with pytest.raises(Unavailable, match="unknown version 1"):
        darwin.credentials(sock)
    sock.answers[1] = CREDENTIALS[:-4]
    with pytest.raises(Unavailable, match="72 bytes of credentials instead of 76"):
        darwin.credentials(sock)


def test_a_caller_is_known_by_its_token() -> None:
    peer = pinned(Socket())
    peer.check()
    assert (peer.pid, peer.uid, peer.gid, peer.pidfd) == (4242, 501, 20, -1)
    assert peer.sees_exec
    peer.close()
    assert peer.closed


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (OTHER_PID, "pid 4243 uses its connection by now"),
        (OTHER_VERSION, "image changed since it connected"),
        (OTHER_USER, "uid changed since it connected"),
        (OTHER_GROUP, "gid changed since it connected"),
        (errno.EINVAL, "process has ended"),
        (errno.ENOTCONN, "has left its connection"),
        (errno.EBADF, "has left its connection"),
        (errno.EIO, "input/output error"),
        (TOKEN[:31], "31 bytes of credentials instead of 32"),
    ],
)
def test_a_caller_that_is_another_by_now_is_refused(token: bytes | int, words: str) -> None:
    assert refused(Socket(), token) == f"caller pid 4242: {words}"


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in KQUEUE.items():
        monkeypatch.setattr(select, name, value, raising=False)
    code = "import os, sys; print(flush=True); input(); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    again = ("-ISc", "import signal; print(flush=True); signal.pause()")
    with subprocess.Popen(
        [sys.executable, "-ISc", code, *again], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_process_by_its_number_is_the_one_with_that_start_time(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Process(darwin.numbered(child.pid, -1, deep=True))
    held.check()
    assert (held.uid, held.pidfd, held.sees_exec) == (os.geteuid(), -1, True)
    monkeypatch.setattr(darwin.process, "start_time", lambda _: held.start_time + 1)
    with pytest.raises(Unavailable, match="start time changed"):
        held.check()
    held.signal(signal.SIGKILL)
    monkeypatch.undo()
    held.check()  # the signal was not for it


def test_an_exec_of_the_same_program_is_seen_from_then_on(child: subprocess.Popen[bytes]) -> None:
    held = Process(darwin.numbered(child.pid, -1, deep=False))
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"\n")
    child.stdin.flush()
    child.stdout.readline()
    for _ in range(2):
        with pytest.raises(Unavailable, match="image changed since it connected"):
            held.check()
    held.close()


def test_a_process_that_ended_is_told_once_and_for_all(child: subprocess.Popen[bytes]) -> None:
    held = Process(darwin.numbered(child.pid, -1, deep=True))

    async def scenario() -> None:
        async with asyncio.timeout(20):
            both = asyncio.gather(held.ended(), held.ended())
            await asyncio.sleep(0)
            assert not both.done()
            held.signal(signal.SIGTERM)
            await both
            assert child.wait() == -signal.SIGTERM
            await held.ended()

    asyncio.run(scenario())
    held.signal(signal.SIGTERM)
    with pytest.raises(Unavailable, match="process has ended"):
        held.check()
    with pytest.raises(Unavailable, match="process has ended"):
        darwin.numbered(child.pid, -1, deep=True)


def test_an_end_between_two_looks_is_not_missed(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = darwin.numbered(child.pid, -1, deep=True)
    monkeypatch.setattr(darwin.process, "start_time", lambda _: 0)  # the number is another's by now
    asyncio.run(asyncio.wait_for(held.ended(), 20))


def test_a_kernel_that_does_not_know_tokens_is_told() -> None:
    assert not darwin.names_connected()  # Linux, which is asked here
