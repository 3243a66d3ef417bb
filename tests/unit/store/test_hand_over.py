from __future__ import annotations

import asyncio
import threading

from finial.store.hand_over import Workers


def test_one_thread_keeps_the_order_and_drain_waits_for_all() -> None:
    done: list[int] = []

    async def main() -> None:
        workers = Workers(1, "test")
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(workers.hand(lambda number=number: done.append(number)))  # type: ignore[misc]
        workers.drain()

    asyncio.run(main())
    assert done == list(range(20))


def test_what_was_cancelled_before_it_began_never_begins() -> None:
    gate, done = threading.Event(), []

    async def main() -> None:
        workers = Workers(1, "test")
        async with asyncio.TaskGroup() as group:
            group.create_task(workers.hand(lambda: gate.wait(10)))
            waiting = group.create_task(workers.hand(lambda: done.append(1)))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            gate.set()
        assert waiting.cancelled()
        workers.drain()

    asyncio.run(main())
    assert done == []


def test_several_threads_work_at_once() -> None:
    meeting = threading.Barrier(3)

    async def main() -> None:
        workers = Workers(3, "test")
        await asyncio.gather(*(workers.hand(lambda: meeting.wait(10)) for _ in range(3)))
        workers.drain()

    asyncio.run(main())
