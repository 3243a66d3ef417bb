"""How a launcher tells the agent which process is which service: a pidfd over an inherited socket.

A launcher starts a service and knows who it is; nobody else does, two copies of one script look alike. It
makes a socket pair before it starts the agent, which inherits one end by number (`FINIAL_LAUNCHER_FD`).
There is no path that a stranger could connect to, and the agent closes its end on exec.

One record is one frame (`runtime.frames`): a JSON object `{"service", "pid", "start_time"}` and, beside it, one
pidfd and perhaps a lifeline: the reading end of a pipe whose writing end only the service holds, closed on
exec. It hangs up when the service execs or ends, also where its program is hidden from the agent.
The answer is a frame `{"pid"}` once the agent has it, or `{"pid", "error"}`. The start time is checked on
arrival against the process that is there, so that a reused number is never believed.

Darwin has no pidfd, and a kqueue cannot be passed on (XNU `fg_sendable`): there a record has no descriptor but
the lifeline, and number and start time alone say which process it is.

What no kernel shows: a process that hands its connected socket to another still speaks as itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import socket
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from finial.errors import FinialError, InvalidArgument, Unavailable
from finial.runtime import frames

FD_VARIABLE = "FINIAL_LAUNCHER_FD"
MAX_RECORD = 1024  # bytes
SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
PIDFDS = 1 if sys.platform == "linux" else 0  # that stand for the process itself in a record


@dataclass(frozen=True, slots=True)
class Handover:
    """`pidfd` and `lifeline` (-1: there is none) are owned by whoever holds the record."""

    service: str
    pid: int
    start_time: int  # as `runtime.peer` tells it
    pidfd: int  # -1 where the platform has none
    lifeline: int = -1


def channel() -> tuple[socket.socket, socket.socket]:
    """The launcher's end and the agent's. Both close on exec: the launcher passes the second on by
    `pass_fds` and sets `FINIAL_LAUNCHER_FD` to its number."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def inherited(environment: dict[str, str] | os._Environ[str]) -> socket.socket | None:
    """The agent's end; None: nobody passed one. It is taken out of the environment and not inherited
    further. Raises: InvalidArgument if the number is not such a socket."""
    number = environment.pop(FD_VARIABLE, "")
    if not number:
        return None
    try:
        sock = socket.socket(fileno=int(number))
    except (ValueError, OSError) as why:
        raise InvalidArgument(f'{FD_VARIABLE} is "{number}", which is no open socket') from why
    if (sock.family, sock.type) != (socket.AF_UNIX, socket.SOCK_STREAM):
        sock.close()
        raise InvalidArgument(f'{FD_VARIABLE} is "{number}", which is no socket of a launcher')
    sock.set_inheritable(False)
    return sock


def send(sock: socket.socket, handover: Handover, timeout: float = 5.0) -> None:
    """Blocks until the agent has it; descriptors stay the caller's. One call at a time on a socket.

    Raises: Unavailable if the agent is away or silent, InvalidArgument if it refused the record.
    """
    record = {"service": handover.service, "pid": handover.pid, "start_time": handover.start_time}
    descriptors = [one for one in (handover.pidfd, handover.lifeline) if one >= 0]
    sock.settimeout(timeout)
    try:
        frames.send(sock, json.dumps(record).encode(), descriptors)
        answer = json.loads(_read_answer(sock))
    except (OSError, ValueError) as why:
        raise Unavailable(f'hand over "{handover.service}" to the agent: {why}') from why
    if answer.get("pid") != handover.pid:
        raise Unavailable(f'hand over "{handover.service}" to the agent: no answer')
    if "error" in answer:
        raise InvalidArgument(f'hand over "{handover.service}" to the agent: {answer["error"]}')


def _read_answer(sock: socket.socket) -> bytes:
    arriving = frames.Frames(sock)
    try:
        frame = arriving.receive()
    finally:
        arriving.close()
    for descriptor in frame.descriptors if frame else ():
        os.close(descriptor)
    return frame.data if frame else b"{}"


class AgentEnd:
    """The agent's end of the channel, as `inherited` gives it; owned from here on. Blocks as the socket does."""

    __slots__ = ("_frames", "_sock")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._frames = frames.Frames(sock)

    def fileno(self) -> int:
        return self._sock.fileno()

    def receive(self) -> Handover | None:
        """One record, its descriptors now ours; None: the launcher is gone. Acknowledge it, or refuse it.

        Raises: InvalidArgument for a record that is malformed or names another process than its pidfd; any
        file descriptor that came along is closed, and the launcher is told. BlockingIOError: not here yet.
        """
        frame = self._frames.receive()
        if frame is None:
            return None
        pid = 0
        try:
            service, pid, start_time = _parse(frame.data)
            return Handover(service, pid, start_time, *_checked(frame.descriptors, pid))
        except BaseException as why:
            for descriptor in frame.descriptors:
                os.close(descriptor)
            if isinstance(why, FinialError):
                self.refuse(pid, why)
            raise

    def acknowledge(self, handover: Handover) -> None:
        self._answer({"pid": handover.pid})

    def refuse(self, pid: int, why: FinialError) -> None:
        self._answer({"pid": pid, "error": why.message})

    def _answer(self, record: dict[str, object]) -> None:
        """A launcher that left, or does not read its answers, is told of by the next `receive`."""
        try:
            frames.send(self._sock, json.dumps(record).encode())
        except OSError:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """A second call does nothing."""
        self._frames.close()
        self._sock.close()


def _parse(data: bytes) -> tuple[str, int, int]:
    if len(data) > MAX_RECORD:
        raise InvalidArgument("record of a launcher is too long")
    try:
        record = json.loads(data)
        service, pid, start_time = record["service"], record["pid"], record["start_time"]
    except (ValueError, KeyError, TypeError, RecursionError) as why:
        raise InvalidArgument("record of a launcher is malformed") from why
    if not isinstance(service, str) or not SERVICE.match(service):
        raise InvalidArgument("record of a launcher has no usable service name")
    if type(pid) is not int or type(start_time) is not int or pid <= 0:
        raise InvalidArgument("record of a launcher names no process")
    return service, pid, start_time


def _checked(descriptors: Sequence[int], pid: int) -> tuple[int, int]:
    """The pidfd, if the kernel says it is of this process, and the lifeline; -1 for what there is not."""
    pidfds, lifelines = descriptors[:PIDFDS], descriptors[PIDFDS:]
    if len(pidfds) < PIDFDS or len(lifelines) > 1:
        raise InvalidArgument(
            f"record of a launcher carries {len(descriptors)} descriptors instead of {PIDFDS} or {PIDFDS + 1}"
        )
    for pidfd in pidfds:
        _require_pidfd(pidfd, pid)
    for lifeline in lifelines:
        if not stat.S_ISFIFO(os.fstat(lifeline).st_mode):
            raise InvalidArgument("record of a launcher carries a lifeline that is no pipe")
    return next(iter(pidfds), -1), next(iter(lifelines), -1)


def _require_pidfd(descriptor: int, pid: int) -> None:
    with open(f"/proc/self/fdinfo/{descriptor}") as lines:
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
    if fields.get("Pid", "").strip() != str(pid):
        raise InvalidArgument(f"record of a launcher carries no pidfd of pid {pid}")


def hung_up(lifeline: int) -> bool:
    """Whether nobody holds the writing end: the service execed or ended."""
    poller = select.poll()
    poller.register(lifeline, select.POLLIN)  # Darwin tells of a hang-up only whoever asks for something
    return any(events & select.POLLHUP for _, events in poller.poll(0))
