"""Services that this server knows and does not serve: whoever may call them is told so in clear words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finial.errors import Unsupported
from finial.runtime.grpc import Handler, Stream
from finial.server.api.caller import current


class Unserved:
    """Answers every method of a generated service with Unimplemented. `services`: generated `...Base` classes."""

    def __init__(self, *services: type) -> None:
        self._mapping: dict[str, Handler] = {}
        for service in services:
            names: frozenset[str] = getattr(service, "__abstractmethods__")  # noqa: B009
            filled = type(service.__name__, (service,), dict.fromkeys(names, _refuse))
            self._mapping |= filled().__mapping__()

    def __mapping__(self) -> Mapping[str, Handler]:
        return self._mapping


async def _refuse(_: object, stream: Stream[Any, Any]) -> None:
    method = current().path.rpartition("/")[2]
    raise Unsupported(f"method {method} is not served by this server")
