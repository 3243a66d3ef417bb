"""`/live` and `/ready` as pages. The bodies are SPIRE's: JSON, names sorted, a line break at the end; 200 or 500."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus

from finial.runtime.health.checks import Checks
from finial.runtime.pages import Pages, Response

JSON = "application/json"


class Endpoint(Pages):
    def __init__(self, checks: Checks, *, live_path: str = "/live", ready_path: str = "/ready") -> None:
        routes = {live_path: checks.live, ready_path: checks.ready}

        def respond(path: str) -> Response | None:
            route = routes.get(path)
            return None if route is None else verdict(route)

        super().__init__(respond)


def verdict(route: Callable[[], tuple[bool, Mapping[str, object]]]) -> Response:
    well, details = route()
    body = json.dumps(details, sort_keys=True, separators=(",", ":")) + "\n"
    return Response(HTTPStatus.OK if well else HTTPStatus.INTERNAL_SERVER_ERROR, body.encode("ascii"), JSON)
