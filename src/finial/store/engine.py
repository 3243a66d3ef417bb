"""What the functions over the tables work on, and what runs them: one protocol each, for every database.

Statements are plain SQL with `:name` parameters; where databases differ, the transaction's `dialect` has the
words. Errors of a database come out as one of our kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from finial.errors import FinialError
from finial.runtime.clock import Clock
from finial.store.dialect import Dialect

if TYPE_CHECKING:
    from finial.store.log import Log

T = TypeVar("T")
Value = str | int | bytes | float | None
Parameter = Value | list[str] | list[int]  # a list is for `Dialect.among`
Row = tuple[Any, ...]  # what a column holds is known to the statement that asks for it


class Transaction(Protocol):
    """`now` is one moment for all rows: text, and Unix seconds. `identity` is what the database cannot carry
    along when it is copied, restored or taken over elsewhere."""

    now: str
    unix: int
    identity: str

    @property
    def dialect(self) -> Dialect: ...

    def run(self, sql: str, **parameters: Parameter) -> int:
        """Rows that changed."""
        ...

    def rows(self, sql: str, **parameters: Parameter) -> list[Row]: ...

    def row(self, sql: str, **parameters: Parameter) -> Row | None: ...

    def scan(self, sql: str, **parameters: Parameter) -> Iterator[Row]:
        """Of a statement that may answer very many: they are not all held at once."""
        ...

    def insert(self, table: str, values: Mapping[str, Value]) -> int:
        """One row with its created_at and updated_at; its id."""
        ...

    def insert_all(self, table: str, columns: Sequence[str], rows: Iterable[tuple[Value, ...]]) -> None:
        """Many rows with few statements, in order; `columns` are all that are set."""
        ...

    def new_ids(self, table: str, count: int) -> Sequence[int]:
        """For rows that this transaction is about to insert, rising; nobody else gets them."""
        ...

    def attempt(self, work: Callable[[], T]) -> T | FinialError:
        """`work` in a savepoint: a broken constraint undoes it alone and is returned."""
        ...


class Engine(Protocol):
    """One open database."""

    @property
    def dialect(self) -> Dialect: ...

    @property
    def log(self) -> Log: ...

    async def write(self, name: str, work: Callable[[Transaction], T]) -> T:
        """`work` in one transaction that is there in full or not at all. `name` leads its fault points. It
        may run more than once, where the database asks for that: only the last run counts.

        Cancelled before it began, it never begins; after that the transaction ends first (committed or
        undone, as it would have), and then the cancellation goes on: a caller that catches it can look.
        Raises: what `work` raises; Unavailable, Internal, AlreadyExists for what the database refuses.
        """
        ...

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """`work` on one state of the database. Raises: as `write`."""
        ...

    async def notice(self, woken: Callable[[], None], clock: Clock, period: float) -> None:
        """Calls `woken` when another process has committed, or may have; until it is cancelled. It looks each
        `period` seconds where it is not told."""
        ...

    def require_open(self) -> None:
        """Raises: Unavailable after `close`."""
        ...

    async def close(self) -> None:
        """What was handed over is done first."""
        ...


def lock(tx: Transaction, table: str, column: str, value: str) -> bool:
    """Whether there is such a row: nobody else changes it until the transaction ends, and what is read of it
    from here on is the newest. A database with one writer needs nothing for that, and answers True unasked.

    False is to be taken for an answer: a row that appears after it is not locked."""
    if not tx.dialect.for_update:
        return True
    found = tx.row(f"SELECT 1 FROM {table} WHERE {column} = :value{tx.dialect.for_update}", value=value)  # noqa: S608
    return found is not None
