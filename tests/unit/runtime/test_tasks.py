"""Owned tasks: all are ended by their owner, and a failure is heard of."""

from __future__ import annotations

import asyncio

import pytest

from finial.runtime.tasks import Tasks, until_first


async def fail(text: str) -> None:
    raise ValueError(text)


def test_close_cancels_and_waits_for_the_end() -> None:
    async def main() -> None:
        ended = []

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                ended.append(True)

        tasks = Tasks()
        for number in range(3):
            tasks.start(work(), name=f"work {number}")
        await asyncio.sleep(0)
        assert len(tasks) == 3
        await tasks.close()
        assert ended == [True] * 3
        assert len(tasks) == 0

    asyncio.run(main())


def test_wait_raises_the_first_failure_and_leaves_the_others() -> None:
    async def main() -> None:
        tasks = Tasks()
        other = tasks.start(asyncio.Event().wait())
        tasks.start(fail("broken"))
        with pytest.raises(ValueError, match="broken"):
            await tasks.wait()
        assert not other.done()
        await tasks.close()

    asyncio.run(main())


def test_wait_returns_when_all_have_ended() -> None:
    async def main() -> None:
        tasks = Tasks()
        first = tasks.start(asyncio.sleep(0, "a"))
        await tasks.wait()
        assert first.result() == "a"

    asyncio.run(main())


def test_a_callback_hears_each_failure_by_name() -> None:
    async def main() -> None:
        heard: list[tuple[str, str]] = []
        tasks = Tasks(lambda name, error: heard.append((name, str(error))))
        tasks.start(fail("one"), name="first")
        tasks.start(fail("two"), name="second")
        await tasks.wait()
        await tasks.close()
        assert heard == [("first", "one"), ("second", "two")]

    asyncio.run(main())


def test_a_failure_that_nobody_waited_for_is_raised_at_the_end() -> None:
    async def main() -> None:
        async with Tasks() as tasks:
            tasks.start(fail("unseen"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    with pytest.raises(ValueError, match="unseen"):
        asyncio.run(main())


def test_nothing_starts_after_the_end() -> None:
    async def main() -> None:
        tasks = Tasks()
        await tasks.close()
        with pytest.raises(RuntimeError, match='start task "late": its owner is closed'):
            tasks.start(asyncio.sleep(0), name="late")

    asyncio.run(main())


def test_a_task_may_close_its_owner() -> None:
    async def main() -> None:
        tasks = Tasks()
        other = tasks.start(asyncio.Event().wait())
        closer = tasks.start(tasks.close())
        await closer
        assert other.cancelled()

    asyncio.run(main())


def test_until_first_ends_the_others_and_raises_what_the_first_raised() -> None:
    async def scenario() -> None:
        ended: list[str] = []

        async def forever() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("forever")

        async def fails() -> None:
            raise ValueError("first")

        async def returns() -> None:
            return

        await until_first(forever(), returns())
        with pytest.raises(ValueError, match="first"):
            await until_first(forever(), fails())
        assert ended == ["forever", "forever"]

    asyncio.run(scenario())


def test_until_first_under_cancellation_ends_all() -> None:
    async def scenario() -> None:
        ended = asyncio.Event()

        async def forever() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        async with Tasks() as owner:
            task = owner.start(until_first(forever()))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        assert ended.is_set()

    asyncio.run(scenario())
