from __future__ import annotations

import asyncio

import pytest

from finial.cli.paging import SIZE, pages
from finial.errors import FinialError, Unavailable
from finial.wire.pb.spire.api.server.entry.v1.entry_pb2 import ListEntriesRequest, ListEntriesResponse


def test_pages_follow_one_another_until_there_is_no_next() -> None:
    asked: list[tuple[int, str]] = []

    async def call(request: ListEntriesRequest) -> ListEntriesResponse:
        asked.append((request.page_size, request.page_token))
        return ListEntriesResponse(next_page_token={"": "a", "a": "b"}.get(request.page_token, ""))

    async def run() -> int:
        return len([one async for one in pages(call, ListEntriesRequest())])

    assert asyncio.run(run()) == 3
    assert asked == [(SIZE, ""), (SIZE, "a"), (SIZE, "b")]


def test_an_error_tells_what_was_listed() -> None:
    async def call(_: ListEntriesRequest) -> ListEntriesResponse:
        raise Unavailable("gone")

    async def run() -> None:
        async for _ in pages(call, ListEntriesRequest(), "error fetching entries"):
            pass

    with pytest.raises(
        FinialError, match=r"^error fetching entries: rpc error: code = Unavailable desc = gone$"
    ):
        asyncio.run(run())
