# ruff: noqa: S608 - statements are put together from constants of ours, values are parameters
"""The change log on SQLite: ids are in commit order, and a thing has one row, which moves to the end."""

from __future__ import annotations

from collections.abc import Iterable

from finial.store import triggers
from finial.store.engine import Transaction
from finial.store.log import Change, Kind, epoch_of, state
from finial.store.position import Position, another_history

LOG = "finial_changes"
GONE = (
    "id <= :seen AND CASE kind"
    " WHEN 'entry' THEN NOT EXISTS (SELECT 1 FROM registered_entries WHERE entry_id = key)"
    " WHEN 'node' THEN NOT EXISTS (SELECT 1 FROM attested_node_entries WHERE spiffe_id = key)"
    " WHEN 'token' THEN NOT EXISTS (SELECT 1 FROM join_tokens WHERE id = CAST(key AS INTEGER))"
    " WHEN 'journal' THEN NOT EXISTS (SELECT 1 FROM ca_journals WHERE id = CAST(key AS INTEGER))"
    " WHEN 'bundle' THEN NOT EXISTS (SELECT 1 FROM bundles WHERE trust_domain = key)"
    " WHEN 'federation' THEN NOT EXISTS (SELECT 1 FROM federated_trust_domains WHERE trust_domain = key)"
    " ELSE 0 END"
)


class SqliteLog:
    """See `Log`."""

    def here(self, tx: Transaction) -> Position:
        return Position(epoch_of(tx, state(tx, "epoch")), last_id(tx, LOG))

    def read(self, tx: Transaction, after: Position) -> tuple[list[Change], Position]:
        """In order of the last change."""
        position = self.check(tx, after)
        rows = tx.rows("SELECT kind, key FROM finial_changes WHERE id > :id ORDER BY id", id=after.id)
        # Not the last row's: ids that were moved away again would be looked at once more.
        return [Change(Kind(kind), key) for kind, key in rows], position

    def check(self, tx: Transaction, after: Position) -> Position:
        position = self.here(tx)
        if after.epoch != position.epoch or not _floor(tx) <= after.id <= position.id:
            raise another_history()
        return position

    def trim(self, tx: Transaction, followers: Iterable[Position]) -> int:
        """The rows of things that are gone and that every follower has seen."""
        epoch = self.here(tx).epoch
        seen = min((one.id for one in followers if one.epoch == epoch), default=None)
        if seen is None:
            return 0
        found = tx.row(f"SELECT max(id) FROM finial_changes WHERE {GONE}", seen=seen)
        if found is None or found[0] is None:
            return 0
        _set_floor(tx, max(_floor(tx), found[0]))
        return tx.run(f"DELETE FROM finial_changes WHERE {GONE}", seen=seen)

    def install(self, tx: Transaction) -> None:
        for statement in triggers.statements():
            tx.run(statement)

    def is_intact(self, tx: Transaction) -> bool:
        query = "SELECT sql FROM sqlite_master WHERE name GLOB 'finial_*' AND sql <> '' ORDER BY rowid"
        return [sql for (sql,) in tx.rows(query)] == list(triggers.statements())

    def remove(self, tx: Transaction) -> None:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'finial_*'"
        for (name,) in tx.rows(query):
            tx.run(f"DROP TRIGGER {name}")
        tx.run("DROP TABLE finial_changes")
        tx.run("DROP TABLE finial_state")

    def restart(self, tx: Transaction) -> None:
        tx.run("DELETE FROM finial_changes")
        _set_floor(tx, last_id(tx, LOG))


def last_id(tx: Transaction, table: str) -> int:
    """The highest id that was ever given; the next ones may be used by who holds the write lock."""
    found = tx.row("SELECT seq FROM sqlite_sequence WHERE name = :table", table=table)
    return int(found[0] or 0) if found else 0


def _floor(tx: Transaction) -> int:
    return int(state(tx, "floor"))


def _set_floor(tx: Transaction, floor: int) -> None:
    tx.run("UPDATE finial_state SET value = :floor WHERE name = 'floor'", floor=str(floor))
