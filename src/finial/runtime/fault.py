"""Named fault points: where a durable write can be made to die or fail, so that tests see what is left.

Every write to disk passes some: database writes those of `store.fault`, replaced files those of
`private_file`. The environment variable `FINIAL_FAULT=<point>[:<nth>]` kills the process, as SIGKILL does, at
the nth pass (the first if not told); unset, which is always so in production, a point costs one comparison.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

VARIABLE = "FINIAL_FAULT"

Hook = Callable[[str], None]


def point(name: str) -> None:
    """Passes, unless a fault is armed and meant here."""
    if _hook is not None:
        _hook(name)


@contextmanager
def hooked(hook: Hook) -> Iterator[None]:
    """Calls `hook(name)` at each point, on the writer's thread; what it raises fails the write. For tests."""
    global _hook
    before, _hook = _hook, hook
    try:
        yield
    finally:
        _hook = before


def killer(setting: str) -> Hook:
    """The hook that `FINIAL_FAULT` asks for: nothing is flushed, no handler runs."""
    wanted, _, nth = setting.partition(":")
    left = int(nth or 1)

    def kill(name: str) -> None:
        nonlocal left
        if name == wanted:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return kill


_hook: Hook | None = killer(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None
