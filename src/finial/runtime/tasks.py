"""Tasks with an owner: whoever starts one ends it, and no failure is lost.

asyncio.TaskGroup fits a block of code; a service starts tasks through all of its life, and one connection that
fails must not take the others along. `Tasks` is that owner. This is the only module that may create tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")
OnFailure = Callable[[str, BaseException], None]


class Tasks:
    """`on_failure(name, error)` hears of each failed task; without it the first failure is raised by `wait`.

    A cancelled task is not a failure.
    """

    def __init__(self, on_failure: OnFailure | None = None) -> None:
        self._on_failure = on_failure
        self._running: set[asyncio.Task[Any]] = set()
        self._failure: BaseException | None = None
        self._failed = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._running)

    def start(self, work: Coroutine[Any, Any, T], *, name: str | None = None) -> asyncio.Task[T]:
        """Runs `work` until it ends or `close` cancels it. `name` is for people: logs, failure reports."""
        if self._closed:
            work.close()
            raise RuntimeError(f'start task "{name}": its owner is closed')
        task = asyncio.create_task(work, name=name)  # noqa: TID251 - the owner of tasks itself
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if self._on_failure is not None:
            self._on_failure(task.get_name(), error)
        elif self._failure is None:
            self._failure = error
            self._failed.set()

    async def wait(self) -> None:
        """Returns when no task is left; raises the first failure, at once, and leaves the others running."""
        failed = asyncio.ensure_future(self._failed.wait())  # noqa: TID251 - cancelled below
        try:
            while self._running and not self._failed.is_set():
                await asyncio.wait({failed, *self._running}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            failed.cancel()
        self._raise_failure()

    async def close(self) -> None:
        """Cancels every task and waits for its end; raises a failure that nobody has seen.

        A task of this owner may call it: that one is neither cancelled nor waited for. Cancelled itself, it
        stops waiting; the tasks stay cancelled.
        """
        self._closed = True
        others = self._running - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others)
        self._raise_failure()

    def _raise_failure(self) -> None:
        error, self._failure = self._failure, None
        self._failed.clear()
        if error is not None:
            raise error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def until_first(*works: Coroutine[Any, Any, Any]) -> None:
    """Runs all until the first ends, then ends the others; raises what that one raised.

    Of several that ended at once the first given counts. Under cancellation all end.
    """
    async with Tasks(lambda _name, _error: None) as owner:
        running = [owner.start(work) for work in works]
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in running:
        if task in done:
            task.result()
