"""The whole state of a server, asked for with the calls of a stock agent.

Up to 500 entries come as one message. More come as pages of (ID, revision, creation time), whereupon those
that are new or stale are asked for in full, a page at a time. Then GetBundle, and GetFederatedBundle for
each trust domain that an entry federates with. SPIRE 1.15 `pkg/agent/client`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from grpclib.client import Stream

from finial.agent.connection import RPC_TIMEOUT, ServerConnection
from finial.errors import FinialError, Internal, InvalidArgument, NotFound
from finial.registry.entry import Entry
from finial.runtime.log import Logger
from finial.spiffe.bundle import Bundle
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.convert.entry import entry_from_wire
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.types import entry_pb2 as types_pb2

BUNDLES_AT_ONCE = 10
MASK = types_pb2.EntryMask(
    spiffe_id=True,
    parent_id=True,
    selectors=True,
    federates_with=True,
    admin=True,
    downstream=True,
    revision_number=True,
    store_svid=True,
    hint=True,
    additional_attributes=True,
    created_at=True,
)

Calls = Stream[entry_pb2.SyncAuthorizedEntriesRequest, entry_pb2.SyncAuthorizedEntriesResponse]


async def fetch_entries(
    connection: ServerConnection, known: Mapping[str, Entry], log: Logger
) -> dict[str, Entry]:
    """By entry ID, all that this agent is authorized for; those in `known` that are current are not fetched.

    Raises: the kind of the server's status, Unavailable, DeadlineExceeded; Internal if it breaks the protocol.
    """
    async with (
        connection.using(),
        connection.api.entry.SyncAuthorizedEntries.open(timeout=RPC_TIMEOUT) as stream,
    ):
        await stream.send_message(entry_pb2.SyncAuthorizedEntriesRequest(output_mask=MASK))
        answer = await _next(stream)
        if answer.entry_revisions:
            found = await _fetch_pages(stream, answer, known, log)
            await stream.end()
        else:
            found = read_entries(answer.entries, log)
        await stream.recv_message()  # the end of the stream, with its status
        return found


async def _fetch_pages(
    stream: Calls, answer: entry_pb2.SyncAuthorizedEntriesResponse, known: Mapping[str, Entry], log: Logger
) -> dict[str, Entry]:
    page_size = len(answer.entry_revisions)
    current: dict[str, Entry] = {}
    wanted: list[str] = []
    while True:
        if answer.entries:
            raise Internal("unexpected entry in response receiving entry revisions")
        for revision in answer.entry_revisions:
            held = known.get(revision.id)
            if held is not None and not is_stale(held, revision):
                current[revision.id] = held
            else:
                wanted.append(revision.id)
        if not answer.more:
            break
        answer = await _next(stream)
    wanted.sort()
    for start in range(0, len(wanted), page_size):
        page = wanted[start : start + page_size]
        await stream.send_message(entry_pb2.SyncAuthorizedEntriesRequest(ids=page))
        current |= await _receive_page(stream, log)
    return current


async def _receive_page(stream: Calls, log: Logger) -> dict[str, Entry]:
    """The answer to one request may itself come in parts; an empty last one is normal."""
    found: dict[str, Entry] = {}
    more = True
    while more:
        answer = await _next(stream)
        if answer.entry_revisions:
            raise Internal("unexpected entry revisions in response while requesting entries")
        found |= read_entries(answer.entries, log)
        more = answer.more
    return found


async def _next(stream: Calls) -> entry_pb2.SyncAuthorizedEntriesResponse:
    answer = await stream.recv_message()
    if answer is None:
        raise Internal("failed to receive entry revision page from server: stream ended early")
    return answer


def is_stale(held: Entry, revision: entry_pb2.EntryRevision) -> bool:
    """Created anew under the same ID counts too; servers before 1.13 do not tell the time: 0."""
    if held.revision_number != revision.revision_number:
        return True
    return bool(revision.created_at) and held.created_at != revision.created_at


def read_entries(messages: Iterable[types_pb2.Entry], log: Logger) -> dict[str, Entry]:
    """By ID. One that is malformed is left out and told of: it must not stop the others."""
    found: dict[str, Entry] = {}
    for message in messages:
        try:
            entry = entry_from_wire(message)
            if not entry.id or not entry.selectors:
                raise InvalidArgument("entry has no id" if not entry.id else "missing selectors")
        except FinialError as why:
            log.warning(
                "Received malformed entry from SPIRE server; are the server and agent versions compatible?",
                entry=message.id,
                error=why,
            )
            continue
        found[entry.id] = entry
    return found


async def fetch_bundles(connection: ServerConnection, entries: Iterable[Entry]) -> list[Bundle]:
    """The own bundle and those the entries federate with, as far as the server has them."""
    own = connection.server.trust_domain
    wanted = sorted({one for entry in entries for one in entry.federates_with} - {own})
    places = asyncio.Semaphore(BUNDLES_AT_ONCE)

    async def fetch(trust_domain: TrustDomain) -> Bundle | None:
        async with places:
            try:
                return await connection.get_federated_bundle(trust_domain)
            except NotFound:
                return None

    try:
        own_bundle = await connection.get_bundle()
    except FinialError as why:
        raise why.within("failed to fetch bundle") from why
    found = await asyncio.gather(*(fetch(one) for one in wanted))
    return [own_bundle, *(one for one in found if one is not None)]
