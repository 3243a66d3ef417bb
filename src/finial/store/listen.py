"""Hearing of commits on PostgreSQL: LISTEN on a connection of its own, and looking where that does not work.

A pooler may accept LISTEN and deliver nothing, so a listener proves itself: a value of its own must come back.
Until then, and while there is no connection, the caller is woken each period to look. A listener that works
wakes it now and then all the same, and asks whether the server is there still.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress

import psycopg

from finial.errors import FinialError
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.store.postgres_connection import ListeningConnection, connect_to_listen, translated
from finial.store.triggers_postgres import CHANNEL

PROOF_CHANNEL = "finial_proof"
PROOF_PATIENCE = 1.0  # seconds
SAME_AGAIN = 60.0  # seconds after which one that heard nothing tries again
SAFETY = 5.0  # seconds without news after which it is looked all the same


class Listener:
    """`run` it as a task; `working` tells whether commits are heard of, `why_not` the reason if they are not.
    Each change of that is logged."""

    def __init__(self, conninfo: str, log: Logger | None = None) -> None:
        self._conninfo = conninfo
        self._log = log
        self.working = False
        self.why_not = "not connected yet"

    async def run(self, woken: Callable[[], None], clock: Clock, period: float) -> None:
        """Until it is cancelled. A connection that is lost is made again."""
        while True:
            try:
                await self._listen(woken, clock, period)
            except FinialError as error:
                self._deaf(str(error))
            woken()
            await _look(woken, clock, period, PROOF_PATIENCE)

    async def _listen(self, woken: Callable[[], None], clock: Clock, period: float) -> None:
        connection = await connect_to_listen(self._conninfo)
        try:
            if await proven(connection):
                self._hears()
                woken()  # for what was committed before
                await _hear(connection, woken)
            self._deaf("notifications do not arrive: a pooler may stand between")
            await _look(woken, clock, period, SAME_AGAIN)
        except psycopg.Error as error:
            raise translated(error) from error
        finally:
            self.working = False
            await connection.close()

    def _hears(self) -> None:
        self.working, self.why_not = True, ""
        if self._log is not None:
            self._log.info("Listening for changes")

    def _deaf(self, why: str) -> None:
        if self._log is not None and why != self.why_not:
            self._log.warning("Not told of changes, looking for them instead", reason=why)
        self.working, self.why_not = False, why


async def proven(connection: ListeningConnection) -> bool:
    """Whether what is sent comes back. Raises: psycopg.Error."""
    await connection.ask(f"LISTEN {CHANNEL}; LISTEN {PROOF_CHANNEL}")
    nonce = secrets.token_hex(8)
    await connection.ask("SELECT pg_notify(%s, %s)", (PROOF_CHANNEL, nonce))
    with suppress(TimeoutError):
        async with asyncio.timeout(PROOF_PATIENCE):
            async for one in connection.notifies(timeout=PROOF_PATIENCE):
                if (one.channel, one.payload) == (PROOF_CHANNEL, nonce):
                    return True
    return False


async def _hear(connection: ListeningConnection, woken: Callable[[], None]) -> None:
    while True:
        silent = True
        async for _ in connection.notifies(timeout=SAFETY, stop_after=1):
            silent = False
        woken()
        if silent:
            await connection.ask("SELECT 1")


async def _look(woken: Callable[[], None], clock: Clock, period: float, seconds: float) -> None:
    for _ in range(max(1, int(seconds / period))):
        await clock.sleep(period)
        woken()
