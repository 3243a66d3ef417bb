"""Is this still the history that this server knew? The epoch, and the value by which it is recognised.

The epoch of positions is a digest of `finial_state.epoch` and of the transaction's `identity`, so that a copied
or replaced database has another. One restored in place is found by lineage: the server writes a random value
to the database and the same, with its position, to a file of its own; a database that does not know the value,
or is behind the position, is another history, and gets a new epoch and an empty log. A server that runs
meanwhile knows where it stood.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from finial.errors import Internal, Unavailable
from finial.runtime import private_file
from finial.store.engine import Engine, Transaction
from finial.store.log import Log
from finial.store.position import EPOCH_SIZE, Position

SLOTS = 64  # servers that are remembered at most; the oldest values go


@dataclass(frozen=True, slots=True)
class Memory:
    """What a server keeps beside the database."""

    value: str
    id: int


def new_epoch() -> str:
    return secrets.token_hex(EPOCH_SIZE)


async def recognise(engine: Engine, path: Path) -> tuple[Path, Memory]:
    """At the start of a server that keeps its memory at `path`. Raises: Unavailable, Internal."""
    recalled = recall(path)

    def begin(tx: Transaction) -> Memory:
        reconcile(tx, engine.log, recalled)
        return renew(tx, engine.log, recalled)

    renewed = await engine.write("lineage.begin", begin)
    keep(path, renewed)
    return path, renewed


def reconcile(tx: Transaction, log: Log, memory: Memory | None) -> None:
    """Begins a new history unless the database is the one that is remembered, or nothing is."""
    if memory is None or (_known(tx, memory.value) and memory.id <= log.here(tx).id):
        return
    _begin_history(tx, log)


def continue_or_begin(tx: Transaction, log: Log, seen: Position) -> None:
    """Begins a new history if this one has gone back behind what a running server has seen of it: the database
    was restored under it, and the ids that come are given a second time."""
    here = log.here(tx)
    if here.epoch == seen.epoch and here.id < seen.id:
        _begin_history(tx, log)


def _begin_history(tx: Transaction, log: Log) -> None:
    tx.run("UPDATE finial_state SET value = :epoch WHERE name = 'epoch'", epoch=new_epoch())
    tx.run("DELETE FROM finial_state WHERE name LIKE 'lineage.%'")
    log.restart(tx)


def renew(tx: Transaction, log: Log, before: Memory | None) -> Memory:
    """A fresh value in the place of the one before; its Memory is to be kept once this is committed."""
    value = secrets.token_hex(16)
    if before is not None:
        tx.run("DELETE FROM finial_state WHERE name = :name", name=f"lineage.{before.value}")
    tx.run(
        "INSERT INTO finial_state (name, value) VALUES (:name, :at)",
        name=f"lineage.{value}",
        at=f"{tx.unix:012d}",
    )
    tx.run(
        "DELETE FROM finial_state WHERE name LIKE 'lineage.%' AND name NOT IN (SELECT name FROM finial_state"
        " WHERE name LIKE 'lineage.%' ORDER BY value DESC, name LIMIT :slots)",
        slots=SLOTS,
    )
    return Memory(value, log.here(tx).id)


def recall(path: Path) -> Memory | None:
    """None if nothing was kept. Raises: Unavailable, Internal."""
    try:
        kept = json.loads(path.read_text())
        return Memory(str(kept["value"]), int(kept["id"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(f'datastore-sql: unable to read "{path}": {error.strerror}') from error
    except (ValueError, KeyError, TypeError) as error:
        raise Internal(
            f'datastore-sql: "{path}" cannot be read', hint="remove it: all watchers then load in full once"
        ) from error


def keep(path: Path, memory: Memory) -> None:
    """Replaced in one step. Raises: Unavailable."""
    try:
        private_file.replace(path, json.dumps({"value": memory.value, "id": memory.id}).encode())
    except OSError as error:
        raise Unavailable(f'datastore-sql: unable to write "{path}": {error.strerror}') from error


def _known(tx: Transaction, value: str) -> bool:
    return tx.row("SELECT 1 FROM finial_state WHERE name = :name", name=f"lineage.{value}") is not None
