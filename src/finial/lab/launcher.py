"""`python -m finial.lab.launcher --dir D`: the process that keeps a lab (`domain.py`) running.

It is started by `finial up`, detached, and lives until SIGTERM. Progress goes as records to the descriptor
that `up` passed, until all is ready; questions come in on the control socket (`control.py`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from finial.errors import FinialError, Internal
from finial.lab import state
from finial.lab.channel import Channel, Record, failure
from finial.lab.domain import Domain
from finial.lab.place import Place
from finial.lab.state import Started, State
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output
from finial.runtime.peer import pin_process
from finial.runtime.process import hide
from finial.runtime.tasks import Tasks, until_first


async def launch(place: Place, progress: int | None) -> int:
    """Until SIGTERM or SIGINT: 0. 1 if something could not start, which `up` is told."""
    clock = SystemClock()
    log = Logger(Output.open("", now=clock.now))
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    up = await Channel.inherited(progress) if progress is not None else None
    records: asyncio.Queue[Record] = asyncio.Queue()
    async with Tasks(lambda name, why: log.error("Task failed", task=name, error=why)) as tasks:
        if up is not None:
            tasks.start(_report(up, records), name="progress")
        try:
            found = _own_state(place)
            await until_first(stopping.wait(), Domain(place, found, clock, log, records.put_nowait).run())
            return 0
        except FinialError as why:
            log.error("Launcher ended", error=why)
            if up is not None:
                with contextlib.suppress(FinialError):
                    await up.send(failure(why))
            return 1
        finally:
            if up is not None:
                await up.close()


async def _report(up: Channel, records: asyncio.Queue[Record]) -> None:
    """Until all is ready; `up` may have left before."""
    with contextlib.suppress(FinialError):
        while True:
            record = await records.get()
            await up.send(record)
            if "ready" in record:
                return


def _own_state(place: Place) -> State:
    """The state that `up` wrote, with this process as its launcher. Raises: Internal without one."""
    found = state.read(place.state_file)
    if found is None:
        raise Internal(f'there is no lab in "{place.folder}": this is started by `finial up`')
    own = pin_process(os.getpid())
    found = replace(found, launcher=Started(own.pid, own.start_time), processes={})
    own.close()
    state.write(place.state_file, found)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="finial.lab.launcher", description="Keeps a lab running.")
    parser.add_argument("--dir", type=Path, required=True, help="the lab's folder")
    parser.add_argument("--progress", type=int, help="file descriptor that progress goes to")
    given = parser.parse_args(arguments)
    place = Place.at(given.dir)
    hide()  # whoever could take its sockets could vouch for anything
    with place.alone():
        return asyncio.run(launch(place, given.progress))


if __name__ == "__main__":
    sys.exit(main())
