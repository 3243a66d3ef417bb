from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

from finial.runtime.clock import SystemClock
from finial.store import listen
from finial.store.listen import Listener, proven
from finial.store.postgres_connection import ListeningConnection


class Server:
    """A connection whose LISTEN is accepted; what is notified comes back, or never does."""

    def __init__(self, *, delivers: bool) -> None:
        self._delivers = delivers
        self._sent: list[SimpleNamespace] = []

    async def ask(self, statement: str, parameters: tuple[str, str] = ("", "")) -> None:
        if "pg_notify" in statement and self._delivers:
            channel, payload = parameters
            self._sent += [
                SimpleNamespace(channel="finial", payload=""),
                SimpleNamespace(channel=channel, payload=payload),
            ]

    async def notifies(self, timeout: float) -> AsyncIterator[SimpleNamespace]:
        for one in self._sent:
            yield one


def test_a_listener_proves_itself_by_a_value_that_comes_back() -> None:
    assert asyncio.run(proven(cast(ListeningConnection, Server(delivers=True))))


def test_a_pooler_that_delivers_nothing_proves_nothing() -> None:
    assert not asyncio.run(proven(cast(ListeningConnection, Server(delivers=False))))


def test_while_there_is_no_server_the_follower_is_woken_to_see_for_itself() -> None:
    async def main() -> None:
        listener = Listener("host=127.0.0.1 port=1 connect_timeout=1")
        woken = asyncio.Event()
        running = asyncio.get_running_loop().create_task(listener.run(woken.set, SystemClock(), 0.1))
        await asyncio.wait_for(woken.wait(), 10)
        assert not listener.working and "unable to connect" in listener.why_not
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(main())
    assert listen.SAFETY >= 5  # with news it is looked seldom
