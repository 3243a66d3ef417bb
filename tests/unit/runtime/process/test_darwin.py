"""The macOS side, held against records in the layout of Apple's headers."""

from __future__ import annotations

import ctypes
import errno
from typing import Any

import pytest

from finial.errors import Internal
from finial.testing.darwin import side

darwin = side("finial.runtime.process.darwin")

# struct proc_bsdshortinfo: pid 4242, parent 1, group 4242, running, "python3", flags, then
# uid 501, gid 20, ruid 502, rgid 21, svuid 503, svgid 22, and a reserved word.
SHORT = bytes.fromhex(
    "92100000 01000000 92100000 02000000 707974686f6e3300 0000000000000000 10400000"
    "f5010000 14000000 f6010000 15000000 f7010000 16000000 00000000"
)
# struct proc_bsdinfo of the same process, begun 1764079507.123456 s after 1970.
LONG = bytes.fromhex(
    "10400000 02000000 00000000 92100000 01000000 f5010000 14000000 f6010000 15000000 f7010000 16000000 00000000"
    "707974686f6e3300 0000000000000000 707974686f6e332e 3131000000000000 0000000000000000 0000000000000000"
    "0b000000 92100000 00000000 00000010 92100000 00000000 93b3256900000000 40e2010000000000"
)


class Libc:
    """Answers with what it is given, or fails with a number."""

    def __init__(self, answer: bytes = b"", error: int = 0) -> None:
        self._answer, self._error = answer, error
        self.asked = list[tuple[Any, ...]]()

    def proc_pidinfo(self, pid: Any, flavor: Any, argument: Any, buffer: Any, size: Any) -> int:
        self.asked.append((pid.value, flavor.value, size.value))
        assert (type(argument), argument.value) == (ctypes.c_uint64, 0)
        return self._filled(buffer)

    def proc_pidpath(self, pid: Any, buffer: Any, size: Any) -> int:
        self.asked.append((pid.value, size.value))
        return self._filled(buffer)

    def ptrace(self, *arguments: object) -> int:
        self.asked.append(arguments)
        ctypes.set_errno(self._error)
        return -1 if self._error else 0

    def _filled(self, buffer: Any) -> int:
        ctypes.set_errno(self._error)
        ctypes.memmove(buffer, self._answer, len(self._answer))
        return len(self._answer)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Any:
    def answering(answer: bytes = b"", error: int = 0) -> Libc:
        made = Libc(answer, error)
        monkeypatch.setattr(darwin, "_libc", made)
        return made

    return answering


def test_ids_are_the_effective_ones_and_groups_are_not_told(kernel: Any) -> None:
    libc = kernel(SHORT)
    assert darwin.ids(4242) == (501, 20, ())
    assert libc.asked == [(4242, 13, 64)]


def test_start_time_is_in_microseconds(kernel: Any) -> None:
    libc = kernel(LONG)
    assert darwin.start_time(4242) == 1764078483_123456 == 0x6925B393 * 1_000_000 + 123456
    assert libc.asked == [(4242, 3, 136)]


def test_the_program_is_named_and_opened_by_its_path(kernel: Any) -> None:
    libc = kernel("/Users/ada/Grüße/python3".encode())
    assert darwin.path(4242) == darwin.image(4242) == "/Users/ada/Grüße/python3"
    assert libc.asked == [(4242, 4096)] * 2


@pytest.mark.parametrize("ask", ["ids", "start_time", "path", "image"])
@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ESRCH, ProcessLookupError),  # ended, reaped or not
        (errno.EPERM, PermissionError),  # another user's
        (errno.ENOENT, FileNotFoundError),  # its program was deleted: no path is believed in its place
    ],
)
def test_what_the_kernel_does_not_tell_is_an_error(
    kernel: Any, ask: str, number: int, error: type[OSError]
) -> None:
    kernel(error=number)
    with pytest.raises(error):
        getattr(darwin, ask)(4242)


def test_half_a_record_is_none(kernel: Any) -> None:
    kernel(SHORT[:-4], error=errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        darwin.ids(4242)


def test_hiding_denies_debuggers(kernel: Any) -> None:
    libc = kernel()
    darwin.hide()
    assert libc.asked == [(31, 0, None, 0)]
    kernel(error=errno.ENOTSUP)
    with pytest.raises(Internal, match=r"^ptrace\(PT_DENY_ATTACH\): "):
        darwin.hide()
