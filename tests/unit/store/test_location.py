from __future__ import annotations

from pathlib import Path

import pytest

from finial.errors import FinialError, InvalidArgument, Unsupported
from finial.store.location import Postgres, location_of, path_of, pool_of


@pytest.mark.parametrize("text", ["/a/b.sqlite3", "file:/a/b.sqlite3"])
def test_a_path_or_a_file_address_names_a_database(text: str) -> None:
    assert location_of(text) == Path("/a/b.sqlite3")
    assert location_of(Path("rel")) == Path("rel")


def test_an_address_names_a_postgresql_database_and_is_not_shown() -> None:
    found = location_of("postgres://u:secret@db/spire")
    assert found == Postgres("postgres://u:secret@db/spire")
    assert location_of(found) is found
    assert "secret" not in repr(found)


def test_a_path_is_asked_for_where_the_database_is_sqlite() -> None:
    with pytest.raises(Unsupported, match='a "postgres" address names no SQLite database'):
        path_of("postgres://db/spire")


def test_the_pool_stays_within_what_is_allowed() -> None:
    for most in (3, 4, 5, 10, 100, 0):
        pool = pool_of(Postgres("", most))
        assert min(pool.values()) >= 1
        assert sum(pool.values()) + 1 <= (most or 100)
    assert sum(pool_of(Postgres("", max_idle_connections=2)).values()) == 2
    with pytest.raises(InvalidArgument, match="max_open_conns 2 is too few"):
        pool_of(Postgres("", 2))


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("", InvalidArgument, "connection_string must be set"),
        ("mysql://db/spire", Unsupported, 'a "mysql" address names no SQLite database'),
        ("file:/a?mode=ro", Unsupported, "options after"),
    ],
)
def test_other_places_are_refused(text: str, kind: type[FinialError], message: str) -> None:
    with pytest.raises(kind, match=message):
        location_of(text)
