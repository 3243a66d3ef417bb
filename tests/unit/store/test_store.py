from __future__ import annotations

import asyncio
import gc
from pathlib import Path

from finial.runtime.clock import SystemClock
from finial.store.store import Store


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
