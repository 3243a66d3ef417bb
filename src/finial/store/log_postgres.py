# ruff: noqa: S608 - statements are put together from constants of ours, values are parameters
"""The change log on PostgreSQL: transactions commit in any order, so it is read by snapshots.

A position's id and open ones are those of a snapshot: all transactions up to `xmax - 1`, but those in progress.
A reader asks for what became visible since, and gets each row once, however commits interleave and whatever a
neighbour's transaction holds open. A writer's position is what its last statement saw, and itself. Our tables made
again, as a dump that is loaded makes them, begin another history: what came with them is in no log.
"""

from __future__ import annotations

from collections.abc import Iterable

from finial.store import triggers_postgres as triggers
from finial.store.engine import Transaction
from finial.store.log import Change, Kind, epoch_of, state
from finial.store.position import Position, another_history

KEPT = "12 hours"  # as long as SPIRE keeps its events
HERE = (
    "SELECT CAST(pg_current_snapshot() AS text), CAST(pg_current_xact_id_if_assigned() AS text),"
    " (SELECT concat(tableoid, ' ', value) FROM finial_state WHERE name = 'epoch')"
)
READ = (
    "SELECT kind, key FROM finial_changes WHERE xact > CAST(:id AS xid8)"
    " OR xact = ANY (CAST(:open AS xid8[])) ORDER BY xact, kind, key"
)
TRIM = (
    f"WITH gone AS (DELETE FROM finial_changes WHERE at < now() - interval '{KEPT}'"
    " AND xact < CAST(:before AS xid8) RETURNING xact)"
    " SELECT count(*), (SELECT CAST(xact AS text) FROM gone ORDER BY xact DESC LIMIT 1) FROM gone"
)
TRIGGERS = (
    "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    " WHERE c.relnamespace = CAST(current_schema() AS regnamespace) AND NOT t.tgisinternal"
    " AND t.tgenabled <> 'D' AND starts_with(t.tgname, 'finial_')"
)


class PostgresLog:
    """See `Log`."""

    def here(self, tx: Transaction) -> Position:
        found = tx.row(HERE)
        assert found is not None  # noqa: S101 - the statement has no WHERE
        snapshot, own, epoch = found
        return position(epoch_of(tx, epoch or state(tx, "epoch")), snapshot, int(own) if own else None)

    def read(self, tx: Transaction, after: Position) -> tuple[list[Change], Position]:
        position = self.check(tx, after)
        rows = tx.rows(READ, id=str(after.id), open=[str(one) for one in after.open])
        if any(kind == triggers.TRUNCATED for kind, _ in rows):
            raise another_history()
        return [Change(Kind(kind), key) for kind, key in dict.fromkeys(rows)], position

    def check(self, tx: Transaction, after: Position) -> Position:
        position = self.here(tx)
        known = after.epoch == position.epoch and after.id <= position.id
        if not known or after.seen_before <= int(state(tx, "floor")):
            raise another_history()
        return position

    def trim(self, tx: Transaction, followers: Iterable[Position]) -> int:
        """Old rows: other servers follow too. None that a transaction in progress might put others before."""
        here = self.here(tx)
        before = min([one.seen_before for one in (here, *followers) if one.epoch == here.epoch])
        found = tx.row(TRIM, before=str(before))
        if found is None or not found[0]:
            return 0
        tx.run("UPDATE finial_state SET value = :floor WHERE name = 'floor'", floor=found[1])
        return int(found[0])

    def restart(self, tx: Transaction) -> None:
        """No earlier position has the new epoch, so that nothing is missing in what follows."""
        tx.run("DELETE FROM finial_changes")
        tx.run("UPDATE finial_state SET value = '0' WHERE name = 'floor'")

    def install(self, tx: Transaction) -> None:
        for statement in triggers.statements():
            tx.run(statement)

    def is_intact(self, tx: Transaction) -> bool:
        return {(table, name) for table, name in tx.rows(TRIGGERS)} == triggers.names()

    def remove(self, tx: Transaction) -> None:
        for table in triggers.selections():
            tx.run(f"DROP FUNCTION IF EXISTS {triggers.function_of(table)}() CASCADE")
        tx.run("DROP TABLE IF EXISTS finial_changes")
        tx.run("DROP TABLE IF EXISTS finial_state")


def position(epoch: bytes, snapshot: str, own: int | None) -> Position:
    """From a snapshot as PostgreSQL writes it, `xmin:xmax:open,...`; `own` counts as seen."""
    _, xmax, listed = snapshot.split(":")
    last = int(xmax) - 1
    running = {int(one) for one in listed.split(",") if one}
    if own is not None:
        # What began between the last that ended and this one is in progress, and in no list.
        running.update(range(last + 1, own))
        last = max(last, own)
        running.discard(own)
    return Position(epoch, last, frozenset(running))
