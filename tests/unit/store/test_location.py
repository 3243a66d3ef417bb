from __future__ import annotations

from pathlib import Path

import pytest

from finial.errors import FinialError, InvalidArgument, Unsupported
from finial.store.location import path_of


@pytest.mark.parametrize("text", ["/a/b.sqlite3", "file:/a/b.sqlite3"])
def test_a_path_or_a_file_address_names_a_database(text: str) -> None:
    assert path_of(text) == Path("/a/b.sqlite3")
    assert path_of(Path("rel")) == Path("rel")


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("", InvalidArgument, "connection_string must be set"),
        ("postgres://db/spire", Unsupported, 'database type "postgres" is not supported'),
        ("file:/a?mode=ro", Unsupported, "options after"),
    ],
)
def test_other_places_are_refused(text: str, kind: type[FinialError], message: str) -> None:
    with pytest.raises(kind, match=message):
        path_of(text)
