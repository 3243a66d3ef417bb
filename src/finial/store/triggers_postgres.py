"""Our change log on PostgreSQL: the tables `finial_changes` and `finial_state`, and the triggers that fill it.

One row for each transaction and changed thing, so that a writer never waits for another one here: an upsert
would hold its row until the commit. Statement triggers see all rows of a statement at once, TRUNCATE too.
Every update counts, whatever it sets: a column that a later SPIRE adds is not missed. The functions run as
their owner, so that a stock server's role needs no right on our tables. Equal notifications of one
transaction arrive as one.
"""

from __future__ import annotations

from collections.abc import Iterator

from finial.store.triggers import PARTS_OF_ENTRIES, THINGS

CHANNEL = "finial"
TRUNCATED = "all"  # the kind of a change that cannot be told thing by thing

TABLES = (
    """CREATE TABLE finial_changes (
    xact xid8        NOT NULL DEFAULT pg_current_xact_id(),
    kind text        NOT NULL,
    key  text        NOT NULL,
    at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (xact, kind, key)
)""",
    "CREATE TABLE finial_state (name text PRIMARY KEY, value text NOT NULL)",
)
ROWS_OF = {
    "INSERT": "REFERENCING NEW TABLE AS new_rows",
    "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "REFERENCING OLD TABLE AS old_rows",
    "TRUNCATE": "",
}
FUNCTION = """CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    CASE TG_OP
    WHEN 'INSERT' THEN INSERT INTO finial_changes (kind, key) {new} ON CONFLICT DO NOTHING;
    WHEN 'DELETE' THEN INSERT INTO finial_changes (kind, key) {old} ON CONFLICT DO NOTHING;
    WHEN 'UPDATE' THEN INSERT INTO finial_changes (kind, key) {new} UNION {old} ON CONFLICT DO NOTHING;
    ELSE INSERT INTO finial_changes (kind, key) VALUES ('{truncated}', TG_TABLE_NAME) ON CONFLICT DO NOTHING;
    END CASE;
    IF FOUND THEN PERFORM pg_notify('{channel}', ''); END IF;
    RETURN NULL;
END $$"""


def statements() -> Iterator[str]:
    """Tables first, then every function with its triggers."""
    yield from TABLES
    for table, selection in selections().items():
        name = function_of(table)
        old, new = selection.format("old_rows"), selection.format("new_rows")
        yield FUNCTION.format(name=name, old=old, new=new, truncated=TRUNCATED, channel=CHANNEL)
        for event, rows in ROWS_OF.items():
            yield (
                f"CREATE TRIGGER {trigger_of(event)} AFTER {event} ON {table} {rows}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
            )


def selections() -> dict[str, str]:
    """Table -> what is changed by the rows of `{}`: of a part, its entry, if that is still there."""
    found = {
        table: f"SELECT '{kind}', {column}::text FROM {{0}} WHERE {column} IS NOT NULL"  # noqa: S608
        for table, (kind, column) in THINGS.items()
    }
    # Plans are kept for a session. One that was made for many rows reads the whole table, for one row too:
    # OFFSET keeps it by the key.
    lookup = (
        "SELECT 'entry', entry_id FROM (SELECT DISTINCT registered_entry_id FROM {0}) p CROSS JOIN LATERAL"
        " (SELECT entry_id FROM registered_entries WHERE id = registered_entry_id OFFSET 0) e"
        " WHERE entry_id IS NOT NULL"
    )
    return {**found, **dict.fromkeys(PARTS_OF_ENTRIES, lookup)}


def function_of(table: str) -> str:
    return f"finial_{table}"


def trigger_of(event: str) -> str:
    return f"finial_{event.lower()}"


def names() -> set[tuple[str, str]]:
    """Table and trigger, of all of them."""
    return {(table, trigger_of(event)) for table in selections() for event in ROWS_OF}
