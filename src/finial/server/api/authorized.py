"""What an agent is given: GetAuthorizedEntries, and SyncAuthorizedEntries with its pages.

Sync, SPIRE 1.15: up to 500 entries come at once and the call ends. More come as revisions, in pages of
500; then, for each request of IDs, those entries in pages, the last one marked even if it is empty. The
mask of the first request holds to the end. Pages are kept encoded with the index's answer, which all
agents with equal roots share, and go out as they are, so a sync costs no conversion.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from grpclib.const import Status

from finial.errors import InvalidArgument
from finial.registry.entry import Entry
from finial.runtime.grpc import GRPCError, Stream, send_encoded
from finial.server.api.backend import Backend, request_of
from finial.server.api.caller import current
from finial.server.authorized import Answer
from finial.wire.convert.entry import entry_to_wire
from finial.wire.convert.field import given, hidden_fields, hide, wants
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2 as api
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryBase

PAGE = 500
KEPT_MASKS = 4  # of one answer: agents send one or two, and no agent may fill the memory with others
Hidden = tuple[str, ...]
Response = api.SyncAuthorizedEntriesResponse
Pages = tuple[bytes, ...]  # each one a Response, encoded
MORE = Response(more=True).SerializeToString()  # behind an encoded page, it marks the page
SyncStream = Stream[api.SyncAuthorizedEntriesRequest, Response]
T = TypeVar("T")


class AuthorizedEntries(EntryBase):
    """Half of the Entry service."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def _answer(self) -> Answer:
        return self._backend.follower.index.answer(current().agent_id)

    async def GetAuthorizedEntries(
        self, stream: Stream[api.GetAuthorizedEntriesRequest, api.GetAuthorizedEntriesResponse]
    ) -> None:
        request = await request_of(stream)
        hidden = hidden_fields(given(request, "output_mask", request.output_mask))
        response = api.GetAuthorizedEntriesResponse()
        for page in entry_pages(self._answer(), hidden):
            response.entries.extend(Response.FromString(page).entries)
        self._backend.marks.fetched_entries(current().agent_id)
        await stream.send_message(response)

    async def SyncAuthorizedEntries(self, stream: SyncStream) -> None:
        first = await stream.recv_message()
        if first is None:
            raise GRPCError(Status.UNKNOWN, "EOF")
        hidden = sync_mask(first)
        answer = self._answer()
        self._backend.marks.fetched_entries(current().agent_id)
        if len(answer.entries) <= PAGE:
            pages = entry_pages(answer, hidden)
            await send_encoded(stream, pages[0] if pages else b"")
            return
        for page in revision_pages(answer):
            await send_encoded(stream, page)
        while (request := await stream.recv_message()) is not None:
            for page in requested_pages(answer, request.ids, hidden):
                await send_encoded(stream, page)


def sync_mask(first: api.SyncAuthorizedEntriesRequest) -> Hidden:
    """Raises: InvalidArgument for a first request that no sync can begin with."""
    if first.ids:
        raise InvalidArgument("specifying IDs on initial request is not supported")
    mask = given(first, "output_mask", first.output_mask)
    if not wants(mask, "revision_number"):
        raise InvalidArgument("revision number cannot be masked")
    return hidden_fields(mask)


def entry_pages(answer: Answer, hidden: Hidden) -> Pages:
    pages = answer.encoded.get(hidden)
    if pages is None:
        pages = tuple(entries_page(page, hidden) for page in pages_of(list(answer.entries.values())))
        if len(answer.encoded) < KEPT_MASKS:
            answer.encoded[hidden] = pages
    return pages


def entries_page(entries: Sequence[Entry], hidden: Hidden) -> bytes:
    return Response(entries=[hide(entry_to_wire(one), hidden) for one in entries]).SerializeToString()


def revision_pages(answer: Answer) -> Pages:
    pages = answer.encoded.get("revisions")
    if pages is None:
        made = tuple(revisions_page(page) for page in pages_of(list(answer.entries.values())))
        pages = answer.encoded["revisions"] = more_follow(made)
    return pages


def revisions_page(entries: Sequence[Entry]) -> bytes:
    revisions = [
        api.EntryRevision(id=one.id, revision_number=one.revision_number, created_at=one.created_at)
        for one in entries
    ]
    return Response(entry_revisions=revisions).SerializeToString()


def requested_pages(answer: Answer, ids: Sequence[str], hidden: Hidden) -> Pages:
    """Those of the wanted entries that the agent may hold, each once; one empty page if there are none."""
    wanted = dict.fromkeys(ids)
    if len(wanted) > PAGE and answer.entries.keys() <= wanted.keys():
        pages = entry_pages(answer, hidden)
    else:
        entries = [answer.entries[one] for one in wanted if one in answer.entries]
        pages = tuple(entries_page(page, hidden) for page in pages_of(entries)) or (b"",)
    return more_follow(pages)


def more_follow(pages: Pages) -> Pages:
    """The same pages; all but the last one say that there are more."""
    return (*(page + MORE for page in pages[:-1]), *pages[-1:])


def pages_of(things: list[T]) -> Iterator[list[T]]:
    return (things[start : start + PAGE] for start in range(0, len(things), PAGE))
