"""`grpc.health.v1.Health/Check` as plain functions; who serves it turns the answers into messages.

SPIRE 1.15: pkg/server/api/health/v1, pkg/agent/api/health/v1.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum

from finial.errors import FinialError, InvalidArgument, PermissionDenied


class Serving(IntEnum):
    """Numbers of grpc.health.v1.HealthCheckResponse.ServingStatus."""

    SERVING = 1
    NOT_SERVING = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """`reason` is for the log ("Health check failed"), empty when all is well."""

    status: Serving
    reason: str = ""
    error: FinialError | None = None


def check_service(service: str) -> None:
    """Raises: InvalidArgument unless the whole program is asked about."""
    if service:
        raise InvalidArgument("per-service health is not supported")


async def of_server(fetch_bundle: Callable[[], Awaitable[object | None]]) -> Answer:
    """Well if the trust domain's own bundle can be read."""
    try:
        bundle = await fetch_bundle()
    except FinialError as why:
        return Answer(Serving.NOT_SERVING, "unable to fetch bundle", why)
    return Answer(Serving.SERVING) if bundle is not None else Answer(Serving.NOT_SERVING, "bundle is missing")


async def of_workload_api(fetch: Callable[[], Awaitable[object]]) -> Answer:
    """Well if the Workload API answers a call of our own; that we hold no identity is an answer too."""
    try:
        await fetch()
    except PermissionDenied:
        return Answer(Serving.SERVING)
    except FinialError as why:
        return Answer(Serving.NOT_SERVING, "unable to fetch X.509 context from Workload API", why)
    return Answer(Serving.SERVING)
