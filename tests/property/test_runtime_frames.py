"""However a stream is cut into pieces, the same frames come out of it, each with its own descriptors."""

from __future__ import annotations

import os
import socket
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as some

from finial.runtime import frames
from finial.runtime.frames import Frame, Frames

# Data, and how many descriptors come along.
FRAMES = some.lists(some.tuples(some.binary(max_size=300), some.integers(0, 2)), max_size=6)


def write(sock: socket.socket, data: bytes, descriptors: list[int], cuts: list[int]) -> None:
    """Descriptors with the first piece, as the kernel leaves them when a send is cut short."""
    whole = frames.LENGTH.pack(len(data)) + data
    borders = sorted({0, len(whole), *(cut % len(whole) for cut in cuts)})
    for begin, end in pairwise(borders):
        socket.send_fds(sock, [whole[begin:end]], descriptors if begin == 0 else [])


def read(arriving: Frames) -> list[Frame]:
    found = []
    try:
        while (frame := arriving.receive()) is not None:
            found.append(frame)
    except BlockingIOError:
        pass
    return found


@settings(max_examples=150, deadline=None)
@given(FRAMES, some.lists(some.integers(0, 400), max_size=5), some.data())
def test_pieces_do_not_matter(
    given_frames: list[tuple[bytes, int]], cuts: list[int], choice: some.DataObject
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with one, other, open(os.devnull) as file:
        other.setblocking(False)
        arriving, found = Frames(other), []
        for data, count in given_frames:
            write(one, data, [file.fileno()] * count, cuts)
            if choice.draw(some.booleans()):
                found += read(arriving)
        found += read(arriving)
        assert [(frame.data, len(frame.descriptors)) for frame in found] == given_frames
        for frame in found:
            for descriptor in frame.descriptors:
                assert os.path.sameopenfile(descriptor, file.fileno())
                os.close(descriptor)
    assert len(os.listdir("/proc/self/fd")) == before


@settings(max_examples=150, deadline=None)
@given(some.lists(some.tuples(some.binary(min_size=1, max_size=40), some.integers(0, 3)), max_size=8))
def test_any_bytes_are_frames_and_an_end(pieces: list[tuple[bytes, int]]) -> None:
    before = len(os.listdir("/proc/self/fd"))
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with one, other, open(os.devnull) as file:
        for data, count in pieces:
            socket.send_fds(one, [data], [file.fileno()] * count)
        one.close()
        arriving = Frames(other)
        stream = b"".join(data for data, _ in pieces)
        for frame in read(arriving):
            whole = frames.LENGTH.pack(len(frame.data)) + frame.data
            assert stream.startswith(whole)
            stream = stream[len(whole) :]
            for descriptor in frame.descriptors:
                os.close(descriptor)
        assert len(stream) < 2 or len(stream) < 2 + frames.LENGTH.unpack_from(stream)[0]
        assert arriving.receive() is None
    assert len(os.listdir("/proc/self/fd")) == before
