"""Writes the console's OpenAPI document, of which the page's types are made: `python web/openapi.py FILE`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from finial.console.access import Access
from finial.console.api.app import application
from finial.console.api.deps import Parts
from finial.console.observatory import Observatory
from finial.runtime.clock import SystemClock


def document() -> dict[str, Any]:
    """Of a console that looks at nothing: its description is the same."""

    def nowhere() -> Any:
        raise AssertionError("a description asks no server")

    return application(Parts(Observatory(nowhere, [], SystemClock()), Access())).openapi()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(document(), indent=1) + "\n")
