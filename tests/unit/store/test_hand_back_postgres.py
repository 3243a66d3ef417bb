from __future__ import annotations

import asyncio

import pytest

from finial.errors import InvalidArgument, Unavailable
from finial.runtime.clock import SystemClock
from finial.store.hand_back_postgres import hand_back, inspect
from finial.store.location import Postgres


def test_a_server_that_is_away_is_told_without_the_password() -> None:
    away = Postgres("host=127.0.0.1 port=1 user=u password=s3cret")
    for work in (inspect, hand_back):
        with pytest.raises(Unavailable, match="unable to connect") as caught:
            asyncio.run(work(away, SystemClock()))
        assert "s3cret" not in str(caught.value)


def test_a_connection_string_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="cannot be read"):
        asyncio.run(inspect(Postgres("password=s3cret nonsense"), SystemClock()))
