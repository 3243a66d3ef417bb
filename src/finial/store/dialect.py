"""Where the databases differ in words: one `Dialect` each. Pure.

Types of the schema are those that SPIRE 1.15 creates on each database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """Fragments of statements. `{}` in one stands for a column, or for the name of a parameter."""

    name: str
    types: Mapping[str, str]  # of the kinds of column in `schema`
    id_column: str
    id_constraint: str  # after the columns of a table that has an id
    membership: str
    order_in_time: str
    for_update: str  # ends a SELECT whose rows this transaction is about to change
    table_exists: str
    serialize: str  # keeps the openings of one database apart; "" where a write does
    alike: str

    def among(self, parameter: str) -> str:
        """After a column: its value is in the list that is bound to this parameter."""
        return self.membership.format(parameter)

    def before(self, column: str, parameter: str) -> str:
        """The time in this column is earlier than that of the parameter."""
        return self.order_in_time.format(column, parameter)


# Times are text, and stock servers write them in a zone of their own: they are compared as numbers.
SQLITE = Dialect(
    name="sqlite3",
    types={
        "text": "varchar(255)",
        "integer": "integer",
        "bigint": "bigint",
        "bool": "bool",
        "time": "datetime",
        "bytes": "blob",
    },
    id_column='"id" integer primary key autoincrement',
    id_constraint="",
    membership="IN (SELECT value FROM json_each(:{}))",
    order_in_time="julianday({}) < julianday(:{})",
    for_update="",
    table_exists="SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :name",
    serialize="",
    # The index is named, since SQLite would start from the parent, under which there may be a hundred thousand.
    alike=(
        "SELECT e.id FROM json_each(:pairs) p CROSS JOIN registered_entries e"
        " INDEXED BY idx_registered_entries_spiffe_id"
        " WHERE e.spiffe_id = json_extract(p.value, '$[0]') AND e.parent_id = json_extract(p.value, '$[1]')"
    ),
)

POSTGRES = Dialect(
    name="postgres",
    types={
        "text": "text",
        "integer": "integer",
        "bigint": "bigint",
        "bool": "boolean",
        "time": "timestamptz",
        "bytes": "bytea",
    },
    id_column='"id" serial',
    id_constraint='PRIMARY KEY ("id")',
    membership="= ANY(:{})",
    order_in_time="{} < :{}",
    for_update=" FOR UPDATE",
    table_exists="SELECT 1 WHERE to_regclass(quote_ident(:name)) IS NOT NULL",
    serialize="SELECT pg_advisory_xact_lock(hashtext('finial ' || current_schema()))",
    # OFFSET keeps the planner, too, from starting at the parent: without fresh statistics it would.
    alike=(
        "SELECT e.id FROM json_array_elements(CAST(:pairs AS json)) p CROSS JOIN LATERAL"
        " (SELECT id, parent_id FROM registered_entries WHERE spiffe_id = p.value ->> 0 OFFSET 0) e"
        " WHERE e.parent_id = p.value ->> 1"
    ),
)
