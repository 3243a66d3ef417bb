"""py-spiffe's streams: an async stream of the Workload API in, callbacks in a thread of their own out.

A callback may call the client, which a callback in the loop's thread could not. A stream that breaks is opened
again as the RetryPolicy says; what the agent answers InvalidArgument, and what cannot be read, ends it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import CancelledError, Future
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

from finial.client.background import Background
from finial.client.pyspiffe.errors import WorkloadApiError
from finial.errors import FinialError, InvalidArgument

Found = TypeVar("Found")
Given = TypeVar("Given")


class RetryPolicy:
    """Waits `base_backoff_in_seconds * backoff_factor ** tries`, at most `max_backoff`; 0 retries are
    without end."""

    UNLIMITED_RETRIES = 0

    def __init__(
        self,
        max_retries: int = UNLIMITED_RETRIES,
        base_backoff_in_seconds: float = 0.1,
        backoff_factor: int = 2,
        max_backoff: float = 5,
    ) -> None:
        self.max_retries, self.base_backoff = max_retries, base_backoff_in_seconds
        self.backoff_factor, self.max_backoff = backoff_factor, max_backoff

    def wait(self, tries: int) -> float | None:
        """Seconds before the next try, after `tries` that failed in a row; None: no more."""
        if self.max_retries != self.UNLIMITED_RETRIES and tries > self.max_retries:
            return None
        return float(min(self.base_backoff * self.backoff_factor ** min(tries - 1, 60), self.max_backoff))


NO_RETRY = RetryPolicy(max_retries=-1)


class StreamCancelHandler:
    """What a stream is ended by."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._running: Future[None] | None = None
        self._lock = threading.Lock()

    def cancel(self) -> None:
        """No callback begins after this, but for one that has begun."""
        with self._lock:
            self._cancelled.set()
            if self._running is not None:
                self._running.cancel()

    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def wait_cancelled(self, timeout: float) -> bool:
        """Whether it was cancelled within `timeout` seconds."""
        return self._cancelled.wait(timeout)

    def holds(self, running: Future[None]) -> None:
        with self._lock:
            self._running = running
            if self._cancelled.is_set():
                running.cancel()


@dataclass(frozen=True, slots=True)
class Watch(Generic[Found, Given]):
    """One stream: where it comes from, what it is turned into, and who hears of it."""

    open: Callable[[], AsyncGenerator[Found, None]]
    convert: Callable[[Found], Given]
    on_success: Callable[[Given], None]
    on_error: Callable[[Exception], None]
    retry: RetryPolicy

    def start(self, background: Background) -> StreamCancelHandler:
        handler = StreamCancelHandler()
        threading.Thread(
            target=self._run, args=(background, handler), name="spiffe stream", daemon=True
        ).start()
        return handler

    def _run(self, background: Background, handler: StreamCancelHandler) -> None:
        tries = 0
        while not handler.is_cancelled():
            try:
                delivered = self._once(background, handler)
                why: Exception = WorkloadApiError("Workload API stream ended unexpectedly")
            except CancelledError:
                return
            except Interrupted as broken:
                delivered, why = broken.delivered, broken.why
            tries = 1 if delivered else tries + 1
            pause = None if final(why) else self.retry.wait(tries)
            if handler.is_cancelled():
                return
            if pause is None:
                self.on_error(why if isinstance(why, WorkloadApiError) else WorkloadApiError(str(why)))
                return
            handler.wait_cancelled(pause)

    def _once(self, background: Background, handler: StreamCancelHandler) -> int:
        """Until the stream ends. Returns: how many were delivered. Raises: Interrupted, CancelledError."""
        found: queue.SimpleQueue[Found | None] = queue.SimpleQueue()
        delivered = 0
        try:
            running = background.start(self._pump(found))
            running.add_done_callback(lambda _: found.put(None))
            handler.holds(running)
            while (one := found.get()) is not None:
                if not handler.is_cancelled():
                    self.on_success(self.convert(one))
                    delivered += 1
            running.result()
        except CancelledError:
            raise
        except Exception as why:
            raise Interrupted(delivered, why) from why
        return delivered

    async def _pump(self, found: queue.SimpleQueue[Found | None]) -> None:
        """One task for the whole stream: grpclib ties a call to the task that began it."""
        async with aclosing(self.open()) as stream:
            async for one in stream:
                found.put(one)


class Interrupted(Exception):
    """A stream broke after so many were delivered."""

    def __init__(self, delivered: int, why: Exception) -> None:
        super().__init__(str(why))
        self.delivered, self.why = delivered, why


def final(why: Exception) -> bool:
    """Whether asking again is pointless."""
    if isinstance(why, WorkloadApiError):
        return False
    return isinstance(why, InvalidArgument) or not isinstance(why, FinialError)
