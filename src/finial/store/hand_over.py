"""Work that leaves the event loop: threads that own connections, and coroutines that hand them functions.

Cancelled before it began, the work never begins; after that it ends first, and then the cancellation goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Workers:
    """`count` threads; one keeps the order of the calls."""

    def __init__(self, count: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def hand(self, work: Callable[[], T]) -> T:
        """Raises: what `work` raises."""
        future = self._threads.submit(work)
        answer = asyncio.wrap_future(future)
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            await _settled(future, answer)
            raise

    def drain(self) -> None:
        """Blocks until what was handed over is done; nothing more may be."""
        self._threads.shutdown()


async def _settled(future: Future[T], answer: asyncio.Future[T]) -> None:
    """Withdrawn, or at its end; further cancellations wait with us: milliseconds, or as long as the engine does."""
    if future.cancel():
        return
    while not answer.done():
        try:
            await asyncio.wait([answer])
        except asyncio.CancelledError:
            continue
