"""`migrate status | hand-back`: what a server's database holds of ours, and giving it back to stock servers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finial.cli.command import Command
from finial.cli.configuration import read
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.output import JsonValue, read_format, to_line
from finial.cli.server import DEFAULT_CONFIG

if TYPE_CHECKING:
    from finial.store.location import Location, Postgres


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFlags:
    config: str = flag(DEFAULT_CONFIG, "Path to the configuration file of a server on the database")
    expand_env: bool = flag(
        False, "Expand $VAR and ${VAR} in the file from the environment", name="expandEnv"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusFlags(DatabaseFlags):
    output: str = flag("pretty", "Desired output format (pretty, json)", read=read_format)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandBackFlags(StatusFlags):
    yes: bool = flag(False, "Does it; without this it is only told what would be done")


async def status(flags: StatusFlags, console: Console) -> int:
    """0 if no change can be missed, or the database is a stock one; 1 if triggers are missing."""
    from finial.runtime.clock import SystemClock
    from finial.store.hand_back import inspect

    path = database_of(flags)
    if isinstance(path, Path):
        found = inspect(path)
    else:
        from finial.store import hand_back_postgres

        found = await hand_back_postgres.inspect(path, SystemClock())
    facts: dict[str, JsonValue] = {
        "database": name_of(path),
        "schema_version": found.schema_version,
        "code_version": found.code_version,
        "change_log_version": found.change_log,
        "missing": list(found.missing),
    }
    if flags.output == "json":
        console.out(to_line(facts))
    else:
        console.out("\n".join(f"{name:<18} : {text}" for name, text in shown(facts).items()))
    return 0 if found.change_log is None or found.complete else 1


def shown(facts: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """For people: names and words."""
    version, missing = facts["change_log_version"], facts["missing"]
    log = "not installed: a stock database" if version is None else f"version {version}"
    triggers = ", ".join(map(str, missing)) if isinstance(missing, list) and missing else "none"
    named = {
        "Database": facts["database"],
        "Schema version": facts["schema_version"],
        "Code version": facts["code_version"],
        "Change log": log,
    }
    return named if version is None else {**named, "Missing of it": triggers}


async def hand_back(flags: HandBackFlags, console: Console) -> int:
    from finial.store.hand_back import alone, inspect
    from finial.store.hand_back import hand_back as give_back

    path = database_of(flags)
    if not isinstance(path, Path):
        return await hand_postgres_back(path, flags, console)
    held = inspect(path).change_log is not None
    if held and flags.yes:
        give_back(path)
    elif held:
        with alone(path):
            pass  # raises if a server has it open, which would be in the way
    return tell(path, held, flags, console)


async def hand_postgres_back(database: Postgres, flags: HandBackFlags, console: Console) -> int:
    from finial.runtime.clock import SystemClock
    from finial.store import hand_back_postgres

    clock = SystemClock()
    held = (await hand_back_postgres.inspect(database, clock)).change_log is not None
    if held:
        await hand_back_postgres.hand_back(database, clock, only_look=not flags.yes)
    return tell(database, held, flags, console)


def tell(database: Location, held: bool, flags: HandBackFlags, console: Console) -> int:
    path = name_of(database)
    if flags.output == "json":
        console.out(to_line({"database": path, "held": held, "removed": held and flags.yes}))
    else:
        console.out(handed_back(path, held, done=flags.yes))
    return 0


def handed_back(path: str, held: bool, *, done: bool) -> str:
    if not held:
        return f"{path} holds nothing of Finial's."
    if not done:
        would = f"Would remove Finial's change log (two tables and their triggers) from {path}."
        return f"{would}\nNothing was changed; -yes does it."
    return f"Removed Finial's change log from {path}: it is as a stock server made it."


def name_of(database: Location) -> str:
    """A connection string is not told: it may hold a password."""
    return str(database) if isinstance(database, Path) else "the PostgreSQL database"


def database_of(flags: DatabaseFlags) -> Location:
    """Raises: ConfigError, InvalidArgument, Unsupported."""
    import os

    from finial.config.datastore import datastore_of
    from finial.config.server import load_server
    from finial.store.location import Postgres, path_of

    environment = dict(os.environ) if flags.expand_env else None
    config = load_server(read(flags.config), flags.config, {}, environment)
    options = datastore_of(config.plugins)
    if options.database_type != "sqlite3":
        return Postgres(options.connection_string)
    return path_of(options.connection_string)


COMMANDS = (
    Command(
        "migrate status",
        "Tells what the database of a server holds: versions, and whether the change log misses anything.",
        StatusFlags,
        status,
        examples=("finial migrate status -config server.conf",),
    ),
    Command(
        "migrate hand-back",
        "Takes all that is Finial's out of a database, which a stock SPIRE server then goes on with.",
        HandBackFlags,
        hand_back,
        examples=(
            "finial migrate hand-back -config server.conf",
            "finial migrate hand-back -config server.conf -yes",
        ),
    ),
)
