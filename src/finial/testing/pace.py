"""The same thing again and again, so many times a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def at_rate(rate: float, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
    """One `act` after the other; one that is late is not made up for."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    end = due + seconds
    while due < end:
        await act()
        due = max(due + 1 / rate, loop.time())
        await asyncio.sleep(due - loop.time())
