"""The audit stream of a program: records come in on the loop and cost it nothing, a thread writes them in batches.

A record is on disk within `DELAY` and a write; it is sealed within `SEAL_AFTER` more. While the disk refuses, records
wait in memory, `KEPT` at most; what is lost beyond is counted and told in the log itself, once it can be written.
What a program does meanwhile is the operator's choice: it goes on, or refuses what changes something (`require`).
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Mapping
from datetime import UTC

from finial.errors import FinialError, Unavailable
from finial.runtime.audit.file import AuditFile
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.runtime.log_line import timestamp
from finial.runtime.metrics import Metrics

DELAY = 0.1  # seconds that a record waits for others
SEAL_AFTER = 1.0
RETRY = 1.0  # seconds after a write that failed
KEPT = 20_000  # records that wait while the disk refuses
BATCH = 2_000
LOST, CLOSED = "audit/lost", "audit/closed"


class AuditStream:
    """`run` it; `close` after everything that records. `refuse`: `require` raises while records cannot be written."""

    def __init__(
        self, file: AuditFile, clock: Clock, log: Logger, metrics: Metrics, *, refuse: bool = False
    ) -> None:
        self._file, self._clock, self._log, self._refuse = file, clock, log, refuse
        self._pending: deque[Mapping[str, object]] = deque()
        self._lost = self._lost_told = 0  # the one is written on the loop alone, the other on the thread
        self._lock = threading.Lock()  # one writer at a time: a cancelled wait leaves its thread at work
        self._unsealed = True
        self._sealed_at = clock.monotonic()
        self._wake = asyncio.Event()
        self.failure = ""
        self._recorded = metrics.counter("finial.audit_records_total")
        self._lost_ever = metrics.counter("finial.audit_lost_total")
        metrics.gauge("finial.audit_failing").read(lambda: float(bool(self.failure)))

    def record(self, what: str, **fields: object) -> None:
        """On the loop. `fields` are what JSON can hold, and no secret; `time` and `n` are added."""
        if len(self._pending) >= KEPT:
            self._lost += 1
            self._lost_ever.add()
            return
        self._pending.append({"time": time_of(self._clock), "what": what, **fields})
        self._recorded.add()
        self._wake.set()

    def require(self) -> None:
        """Before something is changed. Raises: Unavailable where the operator wants no change without a record."""
        if self._refuse and self.failure:
            raise Unavailable(
                f"the audit log cannot be written: {self.failure}",
                hint='make room, or set audit.on_failure to "continue"',
            )

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if not self._pending and not self._unsealed:
                await self._wake.wait()
            self._wake.clear()
            await self._clock.sleep(RETRY if self.failure else DELAY)
            await self.write()

    async def write(self, *, seal: bool = False) -> None:
        """What has come in so far, and a seal if one is due or asked for."""
        failure = await asyncio.to_thread(self._write, seal)
        if failure and not self.failure:
            self._log.error(
                "Audit log cannot be written",
                error=failure,
                mutating_calls="refused" if self._refuse else "go on",
            )
        elif self.failure and not failure:
            self._log.info("Audit log is written again")
        self.failure = failure

    async def close(self) -> None:
        """The last record says that this was an orderly end."""
        self.record(CLOSED)
        while self._pending and not self.failure:
            await self.write()
        await self.write(seal=True)
        if self._pending:
            self._log.error("Audit records are lost", records=len(self._pending), error=self.failure)
        await asyncio.to_thread(self._file.close)

    def _write(self, seal: bool) -> str:
        """On a thread. Returns: what failed; empty if nothing did."""
        now = time_of(self._clock)
        with self._lock:
            try:
                self._append(now)
                self._seal(now, seal)
            except (OSError, FinialError) as why:
                return (why.strerror or str(why)).lower() if isinstance(why, OSError) else str(why)
        return ""

    def _append(self, now: str) -> None:
        batch = [self._pending.popleft() for _ in range(min(len(self._pending), BATCH))]
        lost = self._lost - self._lost_told
        told = [{"time": now, "what": LOST, "records": lost}] if lost else []
        if not batch and not told:
            return
        try:
            self._file.append([*batch, *told], now)
        except (OSError, FinialError):
            self._pending.extendleft(reversed(batch))
            raise
        self._lost_told += lost
        self._unsealed = True

    def _seal(self, now: str, asked: bool) -> None:
        since = self._clock.monotonic() - self._sealed_at
        if self._unsealed and (asked or since >= SEAL_AFTER):
            self._file.seal(now)
            self._unsealed, self._sealed_at = False, self._clock.monotonic()


def time_of(clock: Clock) -> str:
    """As it stands in a record."""
    return timestamp(clock.now().astimezone(UTC), fine=True)
