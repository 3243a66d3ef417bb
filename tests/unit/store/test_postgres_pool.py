from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from finial.errors import Unavailable
from finial.runtime.clock import Clock
from finial.store import postgres_pool
from finial.store.postgres_connection import PATIENCE, Connection, NoAnswer
from finial.store.postgres_pool import AWAY, Pool


class Server:
    """What connects to it, and what it does with the next statements."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.made: list[Fake] = []
        self.asked = 0
        self.away = False
        self.failures: list[psycopg.OperationalError] = []
        monkeypatch.setattr(postgres_pool, "connect", self.connect)

    def pool(self, lifetime: float = 0.0) -> Pool:
        return Pool("", lifetime, cast(Clock, SimpleNamespace(monotonic=lambda: self.now)))

    def connect(self, _: str) -> tuple[Connection, str]:
        self.asked += 1
        if self.away:
            raise Unavailable("away")
        self.made.append(Fake(self))
        return cast(Connection, self.made[-1]), f"identity {len(self.made)}"


class Fake:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.closed = False
        self.patience = 0.0
        self.info = SimpleNamespace(transaction_status=TransactionStatus.INTRANS)

    def execute(self, _: str) -> None:
        if self.server.failures:
            raise self.server.failures.pop(0)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    return Server(monkeypatch)


def test_a_thread_keeps_its_connection(server: Server) -> None:
    pool = server.pool()
    first = pool.begun("READ COMMITTED")
    pool.undo(first)
    assert pool.begun("READ COMMITTED") is first and pool.identity == "identity 1"


def test_one_that_was_lost_while_idle_is_made_again_unseen(server: Server) -> None:
    pool = server.pool()
    first = pool.begun("READ COMMITTED")
    server.failures = [psycopg.OperationalError("gone")]
    assert pool.begun("READ COMMITTED") is not first and first.closed


def test_one_of_the_age_configured_is_made_anew(server: Server) -> None:
    pool = server.pool(lifetime=5)
    first = pool.begun("READ COMMITTED")
    server.now = 6
    assert pool.begun("READ COMMITTED") is not first


def test_one_that_cannot_be_undone_is_dropped(server: Server) -> None:
    pool = server.pool()
    first = pool.begun("READ COMMITTED")
    server.failures = [psycopg.OperationalError("gone")]
    pool.undo(first)
    assert first.closed and pool.begun("READ COMMITTED") is not first


def test_a_server_that_is_away_is_asked_again_after_a_pause(server: Server) -> None:
    pool = server.pool()
    server.away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            pool.begun("READ COMMITTED")
    assert server.asked == 1
    server.now, server.away = AWAY, False
    assert pool.begun("READ COMMITTED").patience == PATIENCE


def test_a_silent_server_is_refused_at_once_and_no_old_connection_is_trusted(server: Server) -> None:
    pool = server.pool()
    first = pool.begun("READ COMMITTED")
    server.now = 1
    server.failures = [NoAnswer("no answer")]
    with pytest.raises(NoAnswer):
        pool.begun("READ COMMITTED")
    with pytest.raises(Unavailable, match="no answer"):
        pool.begun("READ COMMITTED")
    server.now += AWAY
    assert pool.begun("READ COMMITTED") is not first and first.closed
