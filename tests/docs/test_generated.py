"""The generated pages are what the declarations say."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATOR = runpy.run_path(str(ROOT / "docs" / "generate.py"))


def test_every_generated_page_is_current() -> None:
    stale = [path.name for path, text in GENERATOR["pages"]().items() if path.read_text() != text]
    assert not stale, "run: ./dev docs"


def test_check_writes_nothing_and_tells_what_is_stale() -> None:
    main, pages = GENERATOR["main"], dict(GENERATOR["pages"]())
    before = {path: path.read_text() for path in pages}
    main.__globals__["pages"] = lambda: {path: text + "changed" for path, text in pages.items()}
    try:
        assert main(["--check"]) == 1
    finally:
        main.__globals__["pages"] = lambda: pages
    assert {path: path.read_text() for path in pages} == before
