"""What is asked of the kernel and the environment, one question a method: the effects of `finial doctor`."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import socket
import sys
from datetime import datetime
from pathlib import Path
from typing import Protocol

from finial.runtime import peer
from finial.runtime.clock import SystemClock

YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")


class Machine(Protocol):
    """Each answers at once and changes nothing."""

    def system(self) -> tuple[str, str]:
        """Python's name of the platform, and the kernel's release."""

    def pins_peers(self) -> bool:
        """Whether a connected Unix socket tells more of its other end than a number that may be reused."""

    def ptrace_scope(self) -> int | None:
        """Yama's; None without Yama."""

    def has_memfd(self) -> bool: ...

    def open_files(self) -> int:
        """Most descriptors of one process, the soft limit."""

    def is_free(self, port: int) -> bool:
        """Whether the port can be bound on loopback."""

    def now(self) -> datetime: ...

    def installed(self) -> datetime:
        """When these files were written: no right clock is before that."""

    def variable(self, name: str) -> str:
        """Of the environment; empty if it is not set."""


class ThisMachine:
    """Implements `Machine`."""

    def system(self) -> tuple[str, str]:
        return sys.platform, platform.release()

    def pins_peers(self) -> bool:
        return peer.names_connected()

    def ptrace_scope(self) -> int | None:
        try:
            return int(YAMA.read_text())
        except (OSError, ValueError):
            return None

    def has_memfd(self) -> bool:
        if sys.platform == "linux":
            with contextlib.suppress(AttributeError, OSError):
                os.close(os.memfd_create("doctor", os.MFD_CLOEXEC))
                return True
        return False

    def open_files(self) -> int:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return sys.maxsize if soft == resource.RLIM_INFINITY else soft

    def is_free(self, port: int) -> bool:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                return False
        return True

    def now(self) -> datetime:
        return SystemClock().now()

    def installed(self) -> datetime:
        now = self.now()
        return datetime.fromtimestamp(Path(__file__).stat().st_mtime, now.tzinfo)

    def variable(self, name: str) -> str:
        return os.environ.get(name, "")
