from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import psycopg
import pytest

from finial.errors import Internal, Unavailable
from finial.store.engine_postgres import commit, in_psycopg
from finial.store.postgres_connection import Connection


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("SELECT :a, :b2_c", "SELECT %(a)s, %(b2_c)s"),
        ("SELECT id::text WHERE id % :of = :n", "SELECT id::text WHERE id %% %(of)s = %(n)s"),
        ("x LIKE 'lineage.%'", "x LIKE 'lineage.%%'"),
    ],
)
def test_parameters_are_named_as_psycopg_names_them(ours: str, theirs: str) -> None:
    assert in_psycopg(ours) == theirs


class Committing:
    """A connection that answers a commit so, and is closed then or not."""

    def __init__(self, answer: str | psycopg.Error, closed: bool = False) -> None:
        self.answer, self.closed = answer, closed

    def execute(self, _: str) -> SimpleNamespace:
        if isinstance(self.answer, psycopg.Error):
            raise self.answer
        return SimpleNamespace(statusmessage=self.answer)


def test_only_a_commit_that_was_answered_is_one() -> None:
    def ending(answer: str | psycopg.Error, closed: bool = False) -> None:
        commit(cast(Connection, Committing(answer, closed)))

    ending("COMMIT")
    with pytest.raises(Internal, match="undone"):
        ending("ROLLBACK")
    with pytest.raises(psycopg.errors.SerializationFailure):
        ending(psycopg.errors.SerializationFailure("undone by the server"))
    with pytest.raises(Unavailable, match="may have been made: server closed"):
        ending(psycopg.OperationalError("server closed the connection"), closed=True)
