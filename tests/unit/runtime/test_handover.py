"""Records of a launcher: what is believed and what is refused."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from finial.errors import InvalidArgument, Unavailable
from finial.runtime import frames, handover
from finial.runtime.handover import AgentEnd, Handover

assert sys.platform == "linux", "tests of the Linux side"

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    launcher, agent = handover.channel()
    with launcher, agent:
        yield launcher, agent


@pytest.fixture
def own_pidfd() -> Iterator[int]:
    descriptor = os.pidfd_open(os.getpid())
    yield descriptor
    os.close(descriptor)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def answer(launcher: socket.socket) -> bytes:
    frame = frames.Frames(launcher).receive()
    assert frame is not None
    return frame.data


def test_a_record_arrives_with_a_pidfd_of_its_own_and_is_acknowledged(ends: Ends, own_pidfd: int) -> None:
    launcher, agent = ends
    sent = Handover("web", os.getpid(), 7, own_pidfd)
    sender = threading.Thread(target=handover.send, args=(launcher, sent))
    sender.start()
    end = AgentEnd(agent)
    received = end.receive()
    assert received is not None
    assert (received.service, received.pid, received.start_time) == ("web", os.getpid(), 7)
    assert received.pidfd != own_pidfd
    assert not os.get_inheritable(received.pidfd)
    end.acknowledge(received)
    sender.join(5)
    os.close(received.pidfd)


def test_sending_without_an_agent_is_unavailable(own_pidfd: int) -> None:
    launcher, agent = handover.channel()
    agent.close()
    with launcher, pytest.raises(Unavailable, match='hand over "web" to the agent'):
        handover.send(launcher, Handover("web", os.getpid(), 0, own_pidfd))


def test_a_silent_agent_is_unavailable_after_the_timeout(ends: Ends, own_pidfd: int) -> None:
    with pytest.raises(Unavailable, match="timed out"):
        handover.send(ends[0], Handover("web", os.getpid(), 0, own_pidfd), timeout=0.01)


def test_the_launcher_hears_of_a_refusal(ends: Ends, own_pidfd: int) -> None:
    launcher, agent = ends
    AgentEnd(agent).refuse(os.getpid(), InvalidArgument("process has ended"))
    with pytest.raises(InvalidArgument, match="process has ended"):
        handover.send(launcher, Handover("web", os.getpid(), 0, own_pidfd))


def test_a_launcher_that_left_is_none(ends: Ends) -> None:
    ends[0].close()
    assert AgentEnd(ends[1]).receive() is None


GOOD = {"service": "web", "pid": os.getpid(), "start_time": 1}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"{", "malformed"),
        (b"[]", "malformed"),
        (b"\xff", "malformed"),
        (json.dumps({"service": "web"}).encode(), "malformed"),
        (json.dumps(GOOD | {"service": "a b"}).encode(), "no usable service name"),
        (json.dumps(GOOD | {"service": "web\n"}).encode(), "no usable service name"),
        (json.dumps(GOOD | {"service": 3}).encode(), "no usable service name"),
        (json.dumps(GOOD | {"pid": True}).encode(), "names no process"),
        (json.dumps(GOOD | {"pid": -1}).encode(), "names no process"),
        (json.dumps(GOOD | {"pid": 1}).encode(), "no pidfd of pid 1"),
        (json.dumps(GOOD | {"more": "x" * 2000}).encode(), "too long"),
    ],
    ids=range(11),  # the records hold this process's number: workers must agree on the names
)
def test_a_bad_record_is_refused_and_leaves_no_descriptor_open(
    ends: Ends, own_pidfd: int, data: bytes, why: str
) -> None:
    launcher, agent = ends
    before = open_descriptors()
    frames.send(launcher, data, [own_pidfd])
    with pytest.raises(InvalidArgument, match=why):
        AgentEnd(agent).receive()
    assert open_descriptors() == before
    assert "error" in json.loads(answer(launcher))


@pytest.mark.parametrize("count", [0, 2, 5])
def test_exactly_one_descriptor_must_come_along(ends: Ends, own_pidfd: int, count: int) -> None:
    launcher, agent = ends
    before = open_descriptors()
    frames.send(launcher, json.dumps(GOOD).encode(), [own_pidfd] * count)
    with pytest.raises(InvalidArgument):
        AgentEnd(agent).receive()
    assert open_descriptors() == before


def test_a_descriptor_that_is_no_pidfd_is_refused(ends: Ends) -> None:
    launcher, agent = ends
    frames.send(launcher, json.dumps(GOOD).encode(), [launcher.fileno()])
    with pytest.raises(InvalidArgument, match="no pidfd"):
        AgentEnd(agent).receive()


def test_what_was_refused_does_not_spoil_the_next_record(ends: Ends, own_pidfd: int) -> None:
    launcher, agent = ends
    end = AgentEnd(agent)
    for data in (b"", b"x" * frames.LONGEST, b"nonsense"):
        frames.send(launcher, data)
        with pytest.raises(InvalidArgument):
            end.receive()
        assert "error" in json.loads(answer(launcher))
    frames.send(launcher, json.dumps(GOOD).encode(), [own_pidfd])
    received = end.receive()
    assert received is not None
    os.close(received.pidfd)


def test_a_record_that_came_by_halves_is_taken_when_it_is_whole(ends: Ends, own_pidfd: int) -> None:
    launcher, agent = ends
    agent.setblocking(False)
    end = AgentEnd(agent)
    record = json.dumps(GOOD).encode()
    socket.send_fds(launcher, [frames.LENGTH.pack(len(record)) + record[:5]], [own_pidfd])
    with pytest.raises(BlockingIOError):
        end.receive()
    launcher.sendall(record[5:])
    received = end.receive()
    assert received is not None
    os.close(received.pidfd)


def test_a_launcher_that_reads_no_answers_is_cut_off(ends: Ends) -> None:
    agent = ends[1]
    agent.setblocking(False)
    end = AgentEnd(agent)
    for _ in range(4096):
        end.refuse(1, InvalidArgument("x" * 1000))
    assert end.receive() is None


def test_where_there_are_no_pidfds_a_record_has_its_lifeline_alone(
    ends: Ends, own_pidfd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "PIDFDS", 0)
    launcher, agent = ends
    end = AgentEnd(agent)
    reading, writing = os.pipe()
    record = json.dumps(GOOD).encode()
    frames.send(launcher, record)
    assert end.receive() == Handover("web", os.getpid(), 1, -1, -1)
    frames.send(launcher, record, [reading])
    received = end.receive()
    assert received is not None
    assert (received.pidfd, handover.hung_up(received.lifeline)) == (-1, False)
    os.write(writing, b"x")
    assert not handover.hung_up(received.lifeline)
    os.close(writing)
    assert handover.hung_up(received.lifeline)
    os.close(received.lifeline)
    for strange in ([own_pidfd], [reading, reading]):
        frames.send(launcher, record, strange)
        with pytest.raises(
            InvalidArgument, match="a lifeline that is no pipe|2 descriptors instead of 0 or 1"
        ):
            end.receive()
    os.close(reading)


def test_the_inherited_end_leaves_the_environment_and_is_not_passed_on(ends: Ends) -> None:
    number = os.dup(ends[1].fileno())
    os.set_inheritable(number, True)
    environment = {handover.FD_VARIABLE: str(number)}
    sock = handover.inherited(environment)
    assert sock is not None
    with sock:
        assert environment == {}
        assert not sock.get_inheritable()
    assert handover.inherited(environment) is None


@pytest.mark.parametrize("value", ["x", "99999"])
def test_an_environment_that_names_no_socket_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgument, match="no open socket"):
        handover.inherited({handover.FD_VARIABLE: value})


def test_a_socket_of_another_kind_is_refused() -> None:
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with two, pytest.raises(InvalidArgument, match="no socket of a launcher"):
        handover.inherited({handover.FD_VARIABLE: str(one.detach())})


def test_a_lifeline_comes_along_and_hangs_up_with_its_last_holder(ends: Ends, own_pidfd: int) -> None:
    launcher, agent = ends
    reading, writing = os.pipe()
    sent = Handover("web", os.getpid(), 7, own_pidfd, reading)
    sender = threading.Thread(target=handover.send, args=(launcher, sent))
    sender.start()
    end = AgentEnd(agent)
    received = end.receive()
    assert received is not None
    end.acknowledge(received)
    sender.join(5)
    assert not handover.hung_up(received.lifeline)
    os.close(writing)
    assert handover.hung_up(received.lifeline)
    for descriptor in (reading, received.lifeline, received.pidfd):
        os.close(descriptor)


def test_a_lifeline_that_is_no_pipe_is_refused_and_closed(ends: Ends, own_pidfd: int) -> None:
    launcher, agent = ends
    before = open_descriptors()
    record = json.dumps({"service": "web", "pid": os.getpid(), "start_time": 7}).encode()
    frames.send(launcher, record, [own_pidfd, own_pidfd])
    with pytest.raises(InvalidArgument, match="a lifeline that is no pipe"):
        AgentEnd(agent).receive()
    assert open_descriptors() == before
