"""How a process that the launcher started begins: hidden from its neighbours, then vouched for, then told.

    inherited channel -> not dumpable -> "prepared" -> (the launcher hands it over) -> "go" with what it needs

Not dumpable: no other process of this user can read its memory or take its sockets, and so its key stays
its own. Where the agent lacks the right to see through that (it is not root), the launcher says so and the
process stays as it is: `docs/security.md`.
"""

from __future__ import annotations

import ctypes
import os

from finial.errors import Internal, Unavailable
from finial.lab.channel import Channel, Record

PR_SET_DUMPABLE = 4


def hide() -> None:
    """Raises: Internal if the kernel refuses. Source: prctl(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise Internal(f"prctl(PR_SET_DUMPABLE, 0): {os.strerror(ctypes.get_errno()).lower()}")


async def begin(channel: Channel, *, hidden: bool) -> Record:
    """Call with everything imported: what comes after is the process that the agent knows.

    Returns what the launcher told. Raises: Unavailable if it went away.
    """
    if hidden:
        hide()
    await channel.send({"prepared": os.getpid()})
    told = await channel.receive()
    if told is None or "go" not in told:
        raise Unavailable("the launcher went away before it vouched for this process")
    go: Record = told["go"]
    return go
