"""Processes on macOS: libproc, which every program there has loaded. Not tried on hardware.

By ctypes, since psutil answers other questions: its `exe()` takes the process's own first argument where
the kernel knows no path, and its `create_time()` moves with the clock. A process that ended is not found,
reaped or not. Source: XNU 11417 `bsd/sys/proc_info.h`, `bsd/kern/proc_info.c`, `libproc.c`.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

from finial.errors import Internal
from finial.runtime.process.ids import Ids

assert sys.platform == "darwin"  # noqa: S101 - tells mypy, too

PT_DENY_ATTACH = 31
PROC_PIDTBSDINFO, PROC_PIDT_SHORTBSDINFO = 3, 13
LONGEST_PATH = 4096  # bytes, PROC_PIDPATHINFO_MAXSIZE
BSD_INFO = struct.Struct("=12I16s32s5Ii2Q")  # flags, ..., start in seconds, and the microseconds
SHORT_INFO = struct.Struct(
    "=4I16s8I"
)  # pid, parent, group, status, name, flags, uid, gid, real and saved ones

_libc = ctypes.CDLL(None, use_errno=True)


def ids(pid: int) -> Ids:
    """Told to every user about every process; supplementary groups are told to nobody."""
    _, _, _, _, _, _, uid, gid, *_ = SHORT_INFO.unpack(_info(pid, PROC_PIDT_SHORTBSDINFO, SHORT_INFO.size))
    return Ids(uid, gid, ())


def path(pid: int) -> str:
    """Of the program, as the file system names it now. Told to every user about every process.

    A program that was deleted has no path and so none is told: FileNotFoundError.
    """
    found = ctypes.create_string_buffer(LONGEST_PATH)
    if _libc.proc_pidpath(ctypes.c_int(pid), found, ctypes.c_uint32(LONGEST_PATH)) <= 0:
        raise _failed()
    return os.fsdecode(found.value)


def image(pid: int) -> str:
    """Opens the file at the program's path, which may have been replaced since the program began."""
    return path(pid)


def start_time(pid: int) -> int:
    """Microseconds since 1970, by the clock of that moment: with the number it names a process for good.

    Told to root, and about processes of one's own user. An exec leaves it as it is.
    """
    *_, seconds, microseconds = BSD_INFO.unpack(_info(pid, PROC_PIDTBSDINFO, BSD_INFO.size))
    return int(seconds) * 1_000_000 + int(microseconds)


def hide() -> None:
    """No debugger can attach to this process by ptrace. Root can read it by other means, and so can whoever
    macOS lets debug: `task_for_pid` asks the signatures of both programs.

    Raises: Internal if the kernel refuses. Source: ptrace(2), `bsd/kern/mach_process.c`.
    """
    if _libc.ptrace(PT_DENY_ATTACH, 0, None, 0) != 0:
        raise Internal(f"ptrace(PT_DENY_ATTACH): {os.strerror(ctypes.get_errno()).lower()}")


def _info(pid: int, flavor: int, size: int) -> bytes:
    """A whole record of that size. The third argument is 64 bits wide: a plain number would fill half of it."""
    found = ctypes.create_string_buffer(size)
    told = _libc.proc_pidinfo(
        ctypes.c_int(pid), ctypes.c_int(flavor), ctypes.c_uint64(0), found, ctypes.c_int(size)
    )
    if told != size:
        raise _failed()
    return found.raw


def _failed() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
