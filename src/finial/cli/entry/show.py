"""`entry show` and `entry count`: the same filters."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from finial.cli.console import Console
from finial.cli.entry import text
from finial.cli.flags import flag
from finial.cli.notation import MATCHES, id_text, match_name, read_id, read_selector
from finial.cli.output import answer
from finial.cli.paging import pages
from finial.cli.server_socket import AnswerFlags, calling, server
from finial.errors import InvalidArgument
from finial.wire.client import ServerApi
from finial.wire.pb.spire.api.server.entry.v1.entry_pb2 import (
    CountEntriesRequest,
    CountEntriesResponse,
    GetEntryRequest,
    ListEntriesRequest,
    ListEntriesResponse,
)
from finial.wire.pb.spire.api.types.entry_pb2 import Entry
from finial.wire.pb.spire.api.types.federateswith_pb2 import FederatesWithMatch
from finial.wire.pb.spire.api.types.selector_pb2 import SelectorMatch
from finial.wire.pb.spire.api.types.spiffeid_pb2 import SPIFFEID


@dataclass(frozen=True, slots=True, kw_only=True)
class CountFlags(AnswerFlags):
    """The filters; all that are given must match."""

    parent_id: str = flag("", "The parent ID of the entries", name="parentID", refers_to="parent")
    spiffe_id: str = flag("", "The SPIFFE ID of the entries", name="spiffeID", refers_to="spiffe_id")
    selectors: tuple[str, ...] = flag((), "A selector, type:value. May be repeated", name="selector")
    match_selectors_on: str = flag(
        "superset",
        "How selectors match: exact, any, superset or subset",
        name="matchSelectorsOn",
        choices=MATCHES,
    )
    federates_with: tuple[str, ...] = flag(
        (),
        "A trust domain that the entries federate with. May be repeated",
        name="federatesWith",
        refers_to="bundle",
    )
    match_federates_with_on: str = flag(
        "superset",
        "How trust domains match: exact, any, superset or subset",
        name="matchFederatesWithOn",
        choices=MATCHES,
    )
    downstream: bool = flag(False, "Only entries of downstream servers")
    hint: str = flag("", "The hint of the entries")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowFlags(CountFlags):
    entry_id: str = flag("", "The ID of the one entry to show", name="entryID", refers_to="entry")


async def show(flags: ShowFlags, console: Console) -> int:
    if flags.entry_id and (flags.parent_id or flags.spiffe_id or flags.selectors or flags.federates_with):
        raise InvalidArgument("the -entryID flag can't be combined with others")
    wanted = None if flags.entry_id else list_filter(flags)
    async with server(flags) as api:
        found = await one_entry(api, flags.entry_id) if wanted is None else await all_entries(api, wanted)
    blocks = (text.entry_text(one).removesuffix("\n") for one in found)
    title = f"Found {len(found)} {'entry' if len(found) == 1 else 'entries'}"
    return answer(console, flags.output, ListEntriesResponse(entries=found), chain([title], blocks))


async def count(flags: CountFlags, console: Console) -> int:
    request = CountEntriesRequest(filter=count_filter(list_filter(flags)))
    async with server(flags) as api:
        with calling():
            reply: CountEntriesResponse = await api.entry.CountEntries(request)
    title = f"{reply.count} registration {'entry' if reply.count == 1 else 'entries'}"
    return answer(console, flags.output, reply, [title])


async def one_entry(api: ServerApi, entry_id: str) -> list[Entry]:
    with calling(f"error fetching entry ID {entry_id}"):
        return [text.sorted_selectors(await api.entry.GetEntry(GetEntryRequest(id=entry_id)))]


async def all_entries(api: ServerApi, wanted: ListEntriesRequest.Filter) -> list[Entry]:
    """Sorted by SPIFFE ID, parent and selectors, so that equal states print equally."""
    listed = pages(api.entry.ListEntries, ListEntriesRequest(filter=wanted), "error fetching entries")
    found = [text.sorted_selectors(one) async for page in listed for one in page.entries]
    return sorted(found, key=_order)


def _order(entry: Entry) -> tuple[str, ...]:
    selectors = tuple(f"{one.type}:{one.value}" for one in entry.selectors)
    return id_text(entry.spiffe_id), id_text(entry.parent_id), *selectors


def list_filter(flags: CountFlags) -> ListEntriesRequest.Filter:
    """Raises: InvalidArgument, in SPIRE's words."""
    wanted = ListEntriesRequest.Filter()
    if flags.parent_id:
        wanted.by_parent_id.CopyFrom(_id(flags.parent_id, "parent ID"))
    if flags.spiffe_id:
        wanted.by_spiffe_id.CopyFrom(_id(flags.spiffe_id, "SPIFFE ID"))
    if flags.selectors:
        wanted.by_selectors.CopyFrom(selector_match(flags.selectors, flags.match_selectors_on))
    if flags.federates_with:
        match = match_name(flags.match_federates_with_on)
        wanted.by_federates_with.CopyFrom(FederatesWithMatch(trust_domains=flags.federates_with, match=match))
    if flags.downstream:
        wanted.by_downstream.value = True
    if flags.hint:
        wanted.by_hint.value = flags.hint
    return wanted


def selector_match(selectors: tuple[str, ...], behavior: str) -> SelectorMatch:
    match = match_name(behavior)
    try:
        return SelectorMatch(selectors=[read_selector(one) for one in selectors], match=match)
    except InvalidArgument as why:
        raise why.within("error parsing selectors") from why


def count_filter(wanted: ListEntriesRequest.Filter) -> CountEntriesRequest.Filter:
    """The two filters have the same fields under the same numbers."""
    return CountEntriesRequest.Filter.FromString(wanted.SerializeToString())


def _id(value: str, name: str) -> SPIFFEID:
    try:
        return read_id(value)
    except InvalidArgument as why:
        raise why.within(f'error parsing {name} "{value}"') from why
