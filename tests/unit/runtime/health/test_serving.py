"""The gRPC health answer of the server and of the agent."""

from __future__ import annotations

import asyncio

import pytest

from finial.errors import FinialError, InvalidArgument, PermissionDenied, Unavailable
from finial.runtime.health import Serving, check_service, of_server, of_workload_api


def test_only_the_whole_program_is_judged() -> None:
    check_service("")
    with pytest.raises(InvalidArgument, match=r"^per-service health is not supported$"):
        check_service("spire.api.server.entry.v1.Entry")


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (object(), Serving.SERVING, ""),
        (None, Serving.NOT_SERVING, "bundle is missing"),
        (Unavailable("database is away"), Serving.NOT_SERVING, "unable to fetch bundle"),
    ],
)
def test_server_is_well_if_its_bundle_can_be_read(
    answer: object | FinialError | None, status: Serving, reason: str
) -> None:
    async def fetch() -> object | None:
        if isinstance(answer, FinialError):
            raise answer
        return answer

    found = asyncio.run(of_server(fetch))
    assert (found.status, found.reason) == (status, reason)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, Serving.SERVING),
        (PermissionDenied("no identity issued"), Serving.SERVING),
        (Unavailable("workload api is unavailable"), Serving.NOT_SERVING),
    ],
)
def test_agent_is_well_if_its_workload_api_answers(error: FinialError | None, status: Serving) -> None:
    async def fetch() -> object:
        if error is not None:
            raise error
        return object()

    found = asyncio.run(of_workload_api(fetch))
    assert found.status is status
    assert (found.error is not None) == (status is Serving.NOT_SERVING)
