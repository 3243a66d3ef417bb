# ruff: noqa: S608 - statements are put together from constants of ours, values are parameters
"""Our change log on SQLite: the tables `finial_changes` and `finial_state`, and the triggers that fill it.

Whoever writes SPIRE's tables, a stock server and a person with sqlite3 too, writes the log in the same
transaction. A changed thing has one row, which moves to a fresh id with each change; SQLite has one writer at
a time, so ids are in commit order and the highest id is the position. Rows are deleted and inserted, never
replaced: a conflict clause of the statement that fires a trigger would override ours.
"""

from __future__ import annotations

from collections.abc import Iterator

VERSION = 1  # of these tables and triggers; SPIRE's schema has its own

TABLES = (
    """CREATE TABLE finial_changes (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key  TEXT NOT NULL,
    at   REAL NOT NULL DEFAULT ((julianday('now') - 2440587.5) * 86400),
    UNIQUE (kind, key)
)""",
    "CREATE TABLE finial_state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)

# Table -> what its rows change, and the column that names it. A join token is a secret until it is used and
# a journal has no name: their row ids are the keys.
THINGS = {
    "registered_entries": ("entry", "entry_id"),
    "attested_node_entries": ("node", "spiffe_id"),
    "node_resolver_map_entries": ("node", "spiffe_id"),
    "bundles": ("bundle", "trust_domain"),
    "federated_trust_domains": ("federation", "trust_domain"),
    "join_tokens": ("token", "id"),
    "ca_journals": ("journal", "id"),
}
PARTS_OF_ENTRIES = ("selectors", "dns_names", "federated_registration_entries")


def statements() -> Iterator[str]:
    """Tables first, then every trigger."""
    yield from TABLES
    for table, (kind, column) in THINGS.items():
        yield from _thing(table, kind, column)
    for table in PARTS_OF_ENTRIES:
        yield from _part(table)


def _thing(table: str, kind: str, column: str) -> Iterator[str]:
    """Every update counts, whatever it sets: a column that a later SPIRE adds is not missed."""
    new, old = f"NEW.{column}", f"OLD.{column}"
    yield _trigger("insert", table, f"INSERT ON {table} WHEN {new} IS NOT NULL", _moved(kind, new))
    yield _trigger("update", table, f"UPDATE ON {table} WHEN {new} IS NOT NULL", _moved(kind, new))
    renamed = f"UPDATE OF {column} ON {table} WHEN {old} IS NOT NULL AND {old} IS NOT {new}"
    yield _trigger("rename", table, renamed, _moved(kind, old))
    yield _trigger("delete", table, f"DELETE ON {table} WHEN {old} IS NOT NULL", _moved(kind, old))


def _part(table: str) -> Iterator[str]:
    """A change of its entry; nothing when the entry went first, for then its deletion is the change."""
    new, old = _entry_moved("NEW"), _entry_moved("OLD")
    yield _trigger("insert", table, f"INSERT ON {table}", new)
    yield _trigger("update", table, f"UPDATE ON {table}", old + new)
    yield _trigger("delete", table, f"DELETE ON {table}", old)


def _trigger(event: str, table: str, on: str, body: str) -> str:
    return f"CREATE TRIGGER finial_{event}_{table} AFTER {on} BEGIN {body}END"


def _moved(kind: str, key: str) -> str:
    return (
        f"DELETE FROM finial_changes WHERE kind = '{kind}' AND key = {key}; "
        f"INSERT INTO finial_changes (kind, key) VALUES ('{kind}', {key}); "
    )


def _entry_moved(row: str) -> str:
    entry = f"SELECT entry_id FROM registered_entries WHERE id = {row}.registered_entry_id"
    return (
        f"DELETE FROM finial_changes WHERE kind = 'entry' AND key = ({entry}); "
        "INSERT INTO finial_changes (kind, key) SELECT 'entry', entry_id FROM registered_entries "
        f"WHERE id = {row}.registered_entry_id AND entry_id IS NOT NULL; "
    )
