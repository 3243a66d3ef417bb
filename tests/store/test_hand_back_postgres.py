"""`hand_back_postgres`: looking, refusing while a server is there, and leaving nothing of ours."""

from __future__ import annotations

import asyncio

import pytest

from finial.errors import FailedPrecondition
from finial.runtime.clock import SystemClock
from finial.store import Postgres, Store, triggers
from finial.store.hand_back_postgres import hand_back, inspect
from finial.testing import postgres

CLOCK = SystemClock()


@pytest.mark.slow
def test_a_database_is_handed_back_once_no_server_uses_it() -> None:
    async def play(location: Postgres) -> None:
        with pytest.raises(FailedPrecondition, match='no table "migrations"'):
            await inspect(location, CLOCK)
        store = await Store.open(location, clock=CLOCK)
        found = await inspect(location, CLOCK)
        assert found.complete and found.change_log == triggers.VERSION
        with pytest.raises(FailedPrecondition, match="in use by a Finial server"):
            await hand_back(location, CLOCK)
        await store.close()
        await hand_back(location, CLOCK, only_look=True)
        assert (await inspect(location, CLOCK)).complete
        await hand_back(location, CLOCK)
        assert (await inspect(location, CLOCK)).change_log is None

    with postgres.own() as cluster:
        asyncio.run(play(Postgres(cluster.dsn)))
