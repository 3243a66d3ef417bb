"""`lab.json`: what runs and where, written as a whole by the launcher, read by every command.

A process is named by number and start time, so that a number that was given out again is never taken for
it. A file of another version, or one that cannot be read, is an error with the way out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from finial.errors import FailedPrecondition
from finial.runtime import private_file

VERSION = 2
EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Started:
    """`start_time`: in the unit of `finial.runtime.process`."""

    pid: int
    start_time: int


@dataclass(frozen=True, slots=True)
class State:
    """`ports`: by name, `server` and each service. `agents`: IDs the launcher's agents attested with.
    `phases`: seconds by phase of the last start. `ttl`: 0 for the topology's own lifetimes. `postgres`: empty
    for SQLite, EMBEDDED for a PostgreSQL server of the lab's own, else a connection string, which may hold a
    password."""

    ports: Mapping[str, int]
    ttl: int = 0
    launcher: Started | None = None
    processes: Mapping[str, Started] = field(default_factory=dict)
    agents: tuple[str, ...] = ()
    phases: Mapping[str, float] = field(default_factory=dict)
    postgres: str = field(default="", repr=False)

    @property
    def database(self) -> str:
        """For people."""
        named = {"": "sqlite", EMBEDDED: "postgres of the lab"}
        return named.get(self.postgres, "postgres as named by -postgres")


def write(path: Path, state: State) -> None:
    """Atomic, mode 0600. Blocks."""
    private_file.replace(path, json.dumps({"version": VERSION, **asdict(state)}, indent=2).encode() + b"\n")


def read(path: Path) -> State | None:
    """None: there is no lab. Raises: FailedPrecondition."""
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as why:
        raise _unreadable(path) from why
    try:
        if raw["version"] != VERSION:
            raise _unreadable(path)
        return State(
            ports={str(name): int(port) for name, port in raw["ports"].items()},
            ttl=int(raw["ttl"]),
            launcher=_started(raw["launcher"]) if raw["launcher"] else None,
            processes={str(name): _started(one) for name, one in raw["processes"].items()},
            agents=tuple(map(str, raw["agents"])),
            phases={str(name): float(seconds) for name, seconds in raw["phases"].items()},
            postgres=str(raw["postgres"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as why:
        raise _unreadable(path) from why


def _started(raw: Mapping[str, int]) -> Started:
    return Started(int(raw["pid"]), int(raw["start_time"]))


def _unreadable(path: Path) -> FailedPrecondition:
    return FailedPrecondition(
        f'read the lab\'s state "{path}": not a file of this version',
        hint="finial down removes it, finial up -fresh rebuilds",
    )
