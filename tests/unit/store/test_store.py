from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from finial.errors import FinialError, InvalidArgument, Unsupported
from finial.runtime.clock import SystemClock
from finial.store.store import Store, path_of


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


def test_loading_leaves_the_collector_as_it_was(tmp_path: Path) -> None:
    async def main() -> None:
        store = await Store.open(tmp_path / "t", clock=SystemClock())
        for enabled in (True, False):
            (gc.enable if enabled else gc.disable)()
            await store.load()
            assert gc.isenabled() == enabled
        await store.close()

    try:
        asyncio.run(main())
    finally:
        gc.enable()
