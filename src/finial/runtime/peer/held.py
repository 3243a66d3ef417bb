"""A process that is held on to: facts at the beginning in, an error out once one of them has changed.

How to hold on to a process is the platform's: `Pin` for one that connected, `Hold` for one that can be
signalled and waited for besides.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from finial.errors import Unavailable
from finial.runtime import process

HIDDEN = (0, 0)  # a program that may not be looked at, or that `image` tells well enough


class Facts(NamedTuple):
    """What must stay as it was at the beginning."""

    uid: int  # effective
    gid: int  # effective
    program: tuple[int, int]  # device and inode of the executable: exec changes it, fork does not
    start_time: int  # `runtime.process` has its unit; 0 where it was not asked for
    image: int  # another after every exec, of the same program too; 0 where that cannot be seen


class Pin(Protocol):
    """One process, whose number means no other while this lives and `facts` answers."""

    @property
    def pid(self) -> int: ...

    @property
    def pidfd(self) -> int:
        """Can be sent to another process; -1 where the platform has none."""

    def facts(self) -> Facts:
        """As of now. Raises: Unavailable if it has ended."""

    def close(self) -> None:
        """Called once."""


class Hold(Pin, Protocol):
    """One that is ours to end."""

    def signal(self, number: signal.Signals) -> None:
        """Nothing happens to a process that has ended."""

    async def ended(self) -> None:
        """Returns once it has ended, reaped or not. May be awaited by several."""


class Peer:
    """A process as it was when it connected; a `plugin.kinds.WorkloadProcess`.

    Whoever has it owns its pin: `close` it when the connection ends.
    """

    __slots__ = ("_facts", "_on_close", "_open", "_pin", "gid", "pid", "uid")

    def __init__(self, pin: Pin) -> None:
        """Raises: Unavailable for a process that has ended; the pin is then the caller's."""
        self._pin, self._facts, self._open = pin, pin.facts(), True
        self.pid, self.uid, self.gid = pin.pid, self._facts.uid, self._facts.gid
        self._on_close: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(pid={self.pid}, uid={self.uid}, gid={self.gid})"

    @property
    def pidfd(self) -> int:
        """To send along; -1 once it is closed, and where the platform has none."""
        return self._pin.pidfd if self._open else -1

    @property
    def closed(self) -> bool:
        return not self._open

    @property
    def start_time(self) -> int:
        """In the unit of `runtime.process.start_time`. Raises: Unavailable if it has ended."""
        if self._facts.start_time:
            return self._facts.start_time
        with ended_if_missing(self.pid):
            start_time = process.start_time(self.pid)
        self.check()
        return start_time

    @property
    def sees_exec(self) -> bool:
        """Whether an exec of the very same program is noticed."""
        return bool(self._facts.image)

    def check(self) -> None:
        """Raises: Unavailable unless it is still the process that connected, with the same program and user."""
        if not self._open:
            raise Unavailable(f"caller pid {self.pid}: connection has ended")
        now = self._pin.facts()
        if now != self._facts:
            fields = zip(Facts._fields, self._facts, now, strict=True)
            changed = next(name for name, was, found in fields if was != found)
            raise Unavailable(
                f"caller pid {self.pid}: {changed.replace('_', ' ')} changed since it connected"
            )

    def on_close(self, tell: Callable[[], None]) -> None:
        """`tell` is called once, at `close`: the listener counts connections by it."""
        self._on_close = tell

    def close(self) -> None:
        """Gives the pin back; a second call does nothing."""
        if not self._open:
            return
        self._open = False
        self._pin.close()
        if self._on_close is not None:
            self._on_close()


class Process(Peer):
    """A process that was started, by us or by whoever named it."""

    __slots__ = ("_hold",)

    def __init__(self, hold: Hold) -> None:
        super().__init__(hold)
        self._hold = hold

    def signal(self, number: signal.Signals) -> None:
        """Nothing happens to a process that has ended, or was closed."""
        if self._open:
            self._hold.signal(number)

    async def ended(self) -> None:
        """Returns once it has ended, reaped or not. May be awaited by several."""
        await self._hold.ended()


@contextlib.contextmanager
def ended_if_missing(pid: int) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, ProcessLookupError) as why:
        raise Unavailable(f"caller pid {pid}: process has ended") from why
