"""How a launcher tells the agent which process is which service: a pidfd over an inherited socket.

A launcher starts a service and knows who it is; nobody else does, two copies of one script look alike. It
makes a socket pair before it starts the agent, which inherits one end by number (`FINIAL_LAUNCHER_FD`).
There is no path that a stranger could connect to, and the agent closes its end on exec.

One record is one packet: a JSON object `{"service", "pid", "start_time"}` and, beside it, one pidfd and
perhaps a lifeline: the reading end of a pipe whose writing end only the service holds, closed on exec. It
hangs up when the service execs or ends, also where /proc does not show its program.
The answer is a packet `{"pid"}` once the agent has it, or `{"pid", "error"}`. The start time, in clock
ticks since boot, is checked against the pidfd on arrival, so that a reused number is never believed.

What Linux cannot see: a process that hands its connected socket to another still speaks as itself.
"""

from __future__ import annotations

import array
import json
import os
import re
import select
import socket
import stat
from dataclasses import dataclass

from finial.errors import FinialError, InvalidArgument, Unavailable

FD_VARIABLE = "FINIAL_LAUNCHER_FD"
MAX_RECORD = 1024  # bytes
SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
FD_SIZE = array.array("i").itemsize


@dataclass(frozen=True, slots=True)
class Handover:
    """`pidfd` and `lifeline` (-1: there is none) are owned by whoever holds the record."""

    service: str
    pid: int
    start_time: int  # clock ticks since boot
    pidfd: int
    lifeline: int = -1


def channel() -> tuple[socket.socket, socket.socket]:
    """The launcher's end and the agent's. Both close on exec: the launcher passes the second on by
    `pass_fds` and sets `FINIAL_LAUNCHER_FD` to its number."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


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
    if (sock.family, sock.type) != (socket.AF_UNIX, socket.SOCK_SEQPACKET):
        sock.close()
        raise InvalidArgument(f'{FD_VARIABLE} is "{number}", which is no socket of a launcher')
    sock.set_inheritable(False)
    return sock


def send(sock: socket.socket, handover: Handover, timeout: float = 5.0) -> None:
    """Blocks until the agent has it; descriptors stay the caller's. One call at a time on a socket.

    Raises: Unavailable if the agent is away or silent, InvalidArgument if it refused the record.
    """
    record = {"service": handover.service, "pid": handover.pid, "start_time": handover.start_time}
    descriptors = [handover.pidfd, *([handover.lifeline] if handover.lifeline >= 0 else [])]
    sock.settimeout(timeout)
    try:
        socket.send_fds(sock, [json.dumps(record).encode()], descriptors)
        answer = json.loads(sock.recv(MAX_RECORD) or b"{}")
    except (OSError, ValueError) as why:
        raise Unavailable(f'hand over "{handover.service}" to the agent: {why}') from why
    if answer.get("pid") != handover.pid:
        raise Unavailable(f'hand over "{handover.service}" to the agent: no answer')
    if "error" in answer:
        raise InvalidArgument(f'hand over "{handover.service}" to the agent: {answer["error"]}')


def receive(sock: socket.socket) -> Handover | None:
    """One record, its descriptors now ours; None: the launcher is gone. Acknowledge it, or refuse it.

    Raises: InvalidArgument for a record that is malformed or names another process than its pidfd; any
    file descriptor that came along is closed, and the launcher is told.
    """
    data, ancillary, flags, _ = sock.recvmsg(
        MAX_RECORD, socket.CMSG_SPACE(3 * FD_SIZE), socket.MSG_CMSG_CLOEXEC
    )
    descriptors = _descriptors(ancillary)
    if not data and not descriptors:
        return None
    pid = 0
    try:
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise InvalidArgument("record of a launcher is too long")
        service, pid, start_time = _parse(data)
        return Handover(service, pid, start_time, *_checked(descriptors, pid))
    except FinialError as why:
        for descriptor in descriptors:
            os.close(descriptor)
        refuse(sock, pid, why)
        raise


def acknowledge(sock: socket.socket, handover: Handover) -> None:
    _answer(sock, {"pid": handover.pid})


def refuse(sock: socket.socket, pid: int, why: FinialError) -> None:
    _answer(sock, {"pid": pid, "error": why.message})


def _answer(sock: socket.socket, record: dict[str, object]) -> None:
    try:
        sock.send(json.dumps(record).encode())
    except OSError as why:  # a launcher that left needs no answer, and is told of by the next receive
        if not isinstance(why, BrokenPipeError | ConnectionError):
            raise


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(data[: len(data) - len(data) % FD_SIZE])
    return list(found)


def _parse(data: bytes) -> tuple[str, int, int]:
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


def _checked(descriptors: list[int], pid: int) -> tuple[int, int]:
    """The pidfd, if the kernel says it is of this process, and the lifeline, or -1."""
    if not 1 <= len(descriptors) <= 2:
        raise InvalidArgument(
            f"record of a launcher carries {len(descriptors)} descriptors instead of 1 or 2"
        )
    with open(f"/proc/self/fdinfo/{descriptors[0]}") as lines:
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
    if fields.get("Pid", "").strip() != str(pid):
        raise InvalidArgument(f"record of a launcher carries no pidfd of pid {pid}")
    if len(descriptors) == 1:
        return descriptors[0], -1
    if not stat.S_ISFIFO(os.fstat(descriptors[1]).st_mode):
        raise InvalidArgument("record of a launcher carries a lifeline that is no pipe")
    return descriptors[0], descriptors[1]


def hung_up(lifeline: int) -> bool:
    """Whether nobody holds the writing end: the service execed or ended."""
    poller = select.poll()
    poller.register(lifeline, 0)  # a hang-up is always told
    return bool(poller.poll(0))
