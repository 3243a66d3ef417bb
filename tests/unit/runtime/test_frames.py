"""Frames over a stream: their borders, and whose the descriptors are."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from finial.errors import InvalidArgument
from finial.runtime import frames
from finial.runtime.frames import Frame, Frames

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with one, other:
        other.setblocking(False)
        yield one, other


def is_same_file(one: int, other: int) -> bool:
    return os.path.sameopenfile(one, other)


def test_frames_come_out_as_they_went_in_also_empty_ones(ends: Ends) -> None:
    sent = [b"a", b"", b"b" * frames.LONGEST, b"\0\0"]
    arriving = Frames(ends[1])
    for data in sent:
        frames.send(ends[0], data)
    for data in sent:
        assert arriving.receive() == Frame(data)
    with pytest.raises(BlockingIOError):
        arriving.receive()


def test_what_is_too_long_for_a_frame_is_refused_and_sends_nothing(ends: Ends) -> None:
    with pytest.raises(InvalidArgument, match="frame of 65536 bytes is too long"):
        frames.send(ends[0], b"x" * (frames.LONGEST + 1))
    with pytest.raises(BlockingIOError):
        Frames(ends[1]).receive()


def test_descriptors_belong_to_the_frame_that_they_came_with(ends: Ends) -> None:
    pipes = [os.pipe() for _ in range(2)]
    frames.send(ends[0], b"none")
    for reading, _ in pipes:
        frames.send(ends[0], b"one", [reading])
    frames.send(ends[0], b"none")
    arriving = Frames(ends[1])
    assert arriving.receive() == Frame(b"none")
    for reading, writing in pipes:
        found = arriving.receive()
        assert found is not None
        (descriptor,) = found.descriptors
        assert is_same_file(descriptor, reading)
        assert not os.get_inheritable(descriptor)
        for one in (descriptor, reading, writing):
            os.close(one)
    assert arriving.receive() == Frame(b"none")


def test_they_close_on_exec_also_where_the_kernel_has_no_flag_for_it(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "CLOSE_ON_EXEC", 0)
    frames.send(ends[0], b"", [0, 1])
    found = Frames(ends[1]).receive()
    assert found is not None
    assert [os.get_inheritable(one) for one in found.descriptors] == [False, False]
    for one in found.descriptors:
        os.close(one)


def test_more_descriptors_than_a_frame_has_are_closed(ends: Ends) -> None:
    before = os.listdir("/proc/self/fd")
    arriving = Frames(ends[1])
    for part in (frames.LENGTH.pack(4), b"a", b"b", b"c", b"d"):
        socket.send_fds(ends[0], [part], [0] * 5)
    found = arriving.receive()
    assert found is not None
    assert len(found.descriptors) == frames.MAX_DESCRIPTORS
    for one in found.descriptors:
        os.close(one)
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("part", [b"", b"\0", b"\0\x05", b"\0\x05abc"])
def test_an_end_in_the_middle_of_a_frame_is_an_end_and_leaves_nothing_open(ends: Ends, part: bytes) -> None:
    before = len(os.listdir("/proc/self/fd"))
    if part:
        socket.send_fds(ends[0], [part], [0])
    ends[0].close()
    arriving = Frames(ends[1])
    assert arriving.receive() is None
    assert arriving.receive() is None
    assert len(os.listdir("/proc/self/fd")) == before - 1


def test_a_part_that_is_given_up_leaves_nothing_open(ends: Ends) -> None:
    before = os.listdir("/proc/self/fd")
    socket.send_fds(ends[0], [b"\0\x05abc"], [0])
    arriving = Frames(ends[1])
    with pytest.raises(BlockingIOError):
        arriving.receive()
    arriving.close()
    assert os.listdir("/proc/self/fd") == before


def test_a_frame_that_does_not_fit_at_once_is_an_error_where_nobody_waits(ends: Ends) -> None:
    with pytest.raises(BlockingIOError):
        for _ in range(4096):
            frames.send(ends[1], b"x" * 60000)
