"""What a server lists in pages: the pages one after another, whatever they hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

from finial.cli.server_socket import calling

SIZE = 500


class Wanted(Protocol):
    """A request for one page."""

    page_size: int
    page_token: str


class Page(Protocol):
    next_page_token: str


Request = TypeVar("Request", bound=Wanted)
Answer = TypeVar("Answer", bound=Page)


async def pages(
    call: Callable[[Request], Awaitable[Answer]], request: Request, what: str = ""
) -> AsyncIterator[Answer]:
    """Each is asked for when the one before is done with. Raises: an RPC's error, `what` in front."""
    request.page_size = SIZE
    while True:
        with calling(what):
            page = await call(request)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
