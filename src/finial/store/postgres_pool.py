"""The connections of the threads of a PostgreSQL engine: one each, made when it is needed and again when it was lost.

A server that is away is asked by one thread at a time, after a pause; the others are refused at once. Once it was
silent where it had nothing to do, every connection from before is thrown away: if they are good again later, they
cost a greeting, and if another server has the address by then, each would cost its patience.
"""

from __future__ import annotations

import math
from threading import Lock, local

import psycopg
from psycopg.pq import TransactionStatus

from finial.errors import FinialError
from finial.runtime.clock import Clock
from finial.store.postgres_connection import (
    GREETING,
    LOCK_PATIENCE,
    PATIENCE,
    Connection,
    NoAnswer,
    connect,
    translated,
)

AWAY = 1.0  # seconds in which a server that did not answer is not asked again
BEGIN = f"BEGIN ISOLATION LEVEL {{}}; SET LOCAL lock_timeout TO '{LOCK_PATIENCE}'"


class Seat(local):
    """What a thread has."""

    connection: Connection | None = None
    identity: str = ""
    made: float = 0.0


class Pool:
    """`begun` and `undo` are for the thread that works in the transaction. `lifetime`: seconds; 0 is without end."""

    def __init__(self, conninfo: str, lifetime: float, clock: Clock) -> None:
        self._conninfo = conninfo
        self._lifetime = lifetime
        self._clock = clock
        self._seat = Seat()
        self._made: set[Connection] = set()
        self._guard = Lock()
        self._away: tuple[float, FinialError] | None = None
        self._silent = -math.inf

    @property
    def identity(self) -> str:
        """Of the database that this thread is connected to."""
        return self._seat.identity

    def begun(self, isolation: str) -> Connection:
        """This thread's connection, in a transaction. Raises: psycopg.Error, Unavailable, Internal."""
        connection = self._taken()
        try:
            self._begin(connection, isolation)
        except NoAnswer as error:
            self._drop(connection)
            self._found_silent(translated(error))
            raise
        except psycopg.OperationalError:  # it was lost while it was idle
            self._drop(connection)
            connection = self._taken()
            self._begin(connection, isolation)
        return connection

    def undo(self, connection: Connection) -> None:
        """Leaves the connection idle, or drops it."""
        try:
            if connection.info.transaction_status not in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN):
                connection.execute("ROLLBACK")
        except psycopg.Error:
            connection.close()
        if connection.closed:
            self._drop(connection)

    def close(self) -> None:
        """All connections, once no thread works any more."""
        for connection in self._made:
            connection.close()

    def _begin(self, connection: Connection, isolation: str) -> None:
        connection.patience = GREETING
        connection.execute(BEGIN.format(isolation))
        connection.patience = PATIENCE

    def _taken(self) -> Connection:
        seat, now = self._seat, self._clock.monotonic()
        if seat.connection is not None and (seat.connection.closed or self._outdated(seat, now)):
            self._drop(seat.connection)
        if seat.connection is None:
            seat.connection, seat.identity = self._connected()
            seat.made = now
        return seat.connection

    def _outdated(self, seat: Seat, now: float) -> bool:
        return seat.made < self._silent or bool(self._lifetime and now - seat.made > self._lifetime)

    def _connected(self) -> tuple[Connection, str]:
        """Raises: Unavailable, Internal."""
        self._wait_for_nobody()
        try:
            connection, identity = connect(self._conninfo)
        except FinialError as error:
            self._away = self._clock.monotonic() + AWAY, error
            raise
        self._away = None
        with self._guard:
            self._made.add(connection)
        return connection, identity

    def _wait_for_nobody(self) -> None:
        """Refuses the caller while the server was just found away, or another thread is about to see."""
        with self._guard:
            if self._away is None:
                return
            until, error = self._away
            now = self._clock.monotonic()
            if now < until:
                raise error.with_traceback(None)
            self._away = now + GREETING, error

    def _found_silent(self, error: FinialError) -> None:
        self._silent = self._clock.monotonic()
        self._away = self._silent + AWAY, error

    def _drop(self, connection: Connection) -> None:
        connection.close()
        self._seat.connection = None
        with self._guard:
            self._made.discard(connection)
