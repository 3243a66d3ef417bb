"""`python -m finial.testing.turncoat ATTACK ...`: a vouched process that turns on its launcher.

It begins as every process of the lab does, and then asks the Workload API in a way that must not work. The
last line of its output is what it got.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

from finial.lab import vouched
from finial.lab.channel import Channel
from finial.lab.stranger import ask

STRANGER = ("-m", "finial.lab.stranger")
HIDE_AND_ASK = "import sys; from finial.lab import stranger; from finial.runtime.process import hide; hide(); stranger.main(sys.argv[1:])"


def wait_for_the_end_of(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.05)


def attack(name: str, endpoint: str) -> None:
    """Prints what came of it; some never return."""
    match name:
        case "none":
            print(asyncio.run(ask(endpoint)), flush=True)  # noqa: T201
        case "spawn":
            subprocess.run([sys.executable, *STRANGER, endpoint], check=True)
        case "fork":
            if os.fork() == 0:
                print(asyncio.run(ask(endpoint)), flush=True)  # noqa: T201
                os._exit(0)
            os.wait()
        case "exec-itself":
            os.execv(sys.executable, [sys.executable, *STRANGER, endpoint])  # noqa: S606
        case "exec-hidden":
            os.execv(sys.executable, [sys.executable, "-c", HIDE_AND_ASK, endpoint])  # noqa: S606
        case "exec-shell":
            os.execv("/bin/sh", ["sh", "-c", f"{sys.executable} {' '.join(STRANGER)} {endpoint}; true"])  # noqa: S606
        case "exec-after-fork":  # the child keeps the lifeline open
            if os.fork() == 0:
                wait_for_the_end_of(os.getppid())
                os._exit(0)
            os.execv(sys.executable, [sys.executable, *STRANGER, endpoint])  # noqa: S606
        case "linger":
            print(asyncio.run(ask(endpoint)), flush=True)  # noqa: T201
            signal.pause()
        case other:
            raise ValueError(f'no attack is called "{other}"')


async def begin(channel: int, lifeline: int) -> str:
    """The endpoint. The channel is left open: the harness reads its end."""
    told = await vouched.begin(await Channel.inherited(channel), lifeline)
    return str(told["endpoint"])


def main() -> None:
    parser = vouched.parser("finial.testing.turncoat", __doc__ or "")
    parser.add_argument("attack")
    given = parser.parse_args()
    attack(given.attack, asyncio.run(begin(given.channel, given.lifeline)))


if __name__ == "__main__":
    main()
