"""How a process that the launcher started begins: hidden from its neighbours, then vouched for, then told.

    inherited channel and lifeline -> hidden -> "prepared" -> (the launcher hands it over) -> "go"

Hidden, as far as the platform can (`finial.runtime.process.hide`): no other process of this user traces it,
reads its memory or takes its sockets, and so its key stays its own. Root can. The lifeline is a pipe that is closed on exec: so the agent notices one.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from finial.errors import Unavailable
from finial.lab.channel import Channel, Record
from finial.runtime.process import hide


def parser(program: str, summary: str) -> argparse.ArgumentParser:
    """With the two descriptors that each such process inherits."""
    made = argparse.ArgumentParser(prog=program, description=summary)
    made.add_argument("--channel", type=int, required=True, help="file descriptor of the launcher's channel")
    made.add_argument(
        "--lifeline", type=int, required=True, help="file descriptor that ends with this program"
    )
    return made


def options(channel: int, lifeline: int) -> Sequence[str]:
    """What `parser` reads."""
    return ("--channel", str(channel), "--lifeline", str(lifeline))


async def begin(channel: Channel, lifeline: int) -> Record:
    """Call with everything imported: what comes after is the process that the agent knows.

    Returns what the launcher told. Raises: Unavailable if it went away, OSError without a lifeline.
    """
    os.set_inheritable(lifeline, False)
    hide()
    await channel.send({"prepared": os.getpid()})
    told = await channel.receive()
    if told is None or "go" not in told:
        raise Unavailable("the launcher went away before it vouched for this process")
    go: Record = told["go"]
    return go
