"""An event loop in a thread of its own: coroutines in, their results out, for programs without a loop.

The thread is a daemon: a program that forgets `close` still ends. It does not survive a fork: make what
needs one in the process that uses it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent import futures
from typing import Any, TypeVar

from finial.errors import DeadlineExceeded, FailedPrecondition

T = TypeVar("T")


class Background:
    """Runs from `__init__` to `close`; any thread but its own may call."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        return self._loop.is_closed()

    def call(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """What `work` returns or raises. Raises: DeadlineExceeded after `timeout` seconds; `work` is
        cancelled then, and also if the caller is interrupted."""
        running = self.start(work)
        try:
            return running.result(timeout)
        except futures.TimeoutError as why:
            if running.done():
                raise  # the work's own
            running.cancel()
            raise DeadlineExceeded(f"{self.name}: no answer within {timeout:g} s") from why
        except BaseException:
            running.cancel()
            raise

    def start(self, work: Coroutine[Any, Any, T]) -> futures.Future[T]:
        """Raises: FailedPrecondition after `close`, and in the loop's own thread, which would wait for itself."""
        if self._loop.is_closed() or threading.current_thread() is self._thread:
            work.close()
            raise FailedPrecondition(
                f"{self.name}: "
                + ("closed" if self._loop.is_closed() else "called from its own thread, a subscriber's")
            )
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Cancels what is under way and ends the thread; a second call does nothing."""
        if self._loop.is_closed():
            return
        self.call(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
