"""`entry create` and `entry update`: flags or a file in, one block or one result an entry out.

Exit codes: 0 all done; 1 an error, or one entry failed (pretty output only; with JSON the status of each
is in `results`). With `-wait`: 3 no agent may hold an entry, 4 not all agents had it in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from finial.cli.console import Console
from finial.cli.durations import read_duration
from finial.cli.entry import text
from finial.cli.entry.wait import wait_for
from finial.cli.files import read_text
from finial.cli.flags import flag
from finial.cli.hints import from_text
from finial.cli.notation import read_id, read_selector
from finial.cli.output import messages_json
from finial.cli.server_socket import AnswerFlags, calling, server
from finial.errors import Internal, InvalidArgument
from finial.wire.pb.spire.api.server.entry.v1.entry_pb2 import (
    BatchCreateEntryRequest,
    BatchCreateEntryResponse,
    BatchUpdateEntryRequest,
    BatchUpdateEntryResponse,
)
from finial.wire.pb.spire.api.types.entry_pb2 import Entry
from finial.wire.pb.spire.api.types.status_pb2 import Status
from finial.wire.status import status_code_name

Result = BatchCreateEntryResponse.Result | BatchUpdateEntryResponse.Result


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFlags(AnswerFlags):
    """What an entry consists of."""

    entry_id: str = flag("", "The entry's own ID; one is made if it is not given", name="entryID")
    parent_id: str = flag(
        "",
        "The SPIFFE ID of the entry's parent: an agent, a node alias or another entry",
        name="parentID",
        refers_to="parent",
    )
    spiffe_id: str = flag("", "The SPIFFE ID that a matching workload gets", name="spiffeID")
    selectors: tuple[str, ...] = flag(
        (), "A selector, type:value. May be repeated: all must match", name="selector"
    )
    federates_with: tuple[str, ...] = flag(
        (), "A trust domain to federate with. May be repeated", name="federatesWith", refers_to="bundle"
    )
    dns_names: tuple[str, ...] = flag((), "A DNS name for the SVID. May be repeated", name="dns")
    x509_svid_ttl: int = flag(0, "Lifetime of X509-SVIDs, in seconds", name="x509SVIDTTL")
    jwt_svid_ttl: int = flag(0, "Lifetime of JWT-SVIDs, in seconds", name="jwtSVIDTTL")
    admin: bool = flag(False, "If set, holders may call the server's management APIs")
    downstream: bool = flag(False, "If set, the entry describes a downstream server")
    entry_expiry: int = flag(0, "When the entry is pruned, in Unix seconds", name="entryExpiry")
    store_svid: bool = flag(False, "If set, the SVID is stored through an SVIDStore plugin", name="storeSVID")
    hint: str = flag("", "Tells SVIDs of one workload apart")
    disable_prefetch: bool = flag(False, "If set, agents sign only on demand", name="disableX509SVIDPrefetch")
    include_jti: bool = flag(
        False, "If set, JWT-SVIDs carry a jti claim and are not cached", name="jwtSVIDIncludeJTI"
    )
    data: str = flag("", "A JSON file with entries; - reads standard input")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateFlags(EntryFlags):
    node: bool = flag(False, "If set, the entry is for nodes that match rather than for workloads")
    wait: bool = flag(
        False,
        "If set, ends when the agents concerned have it in hand (exit 3: nobody may hold it, 4: time over)",
    )
    wait_timeout: float = flag(
        30.0, "How long -wait waits, for example 10s", name="waitTimeout", read=read_duration
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateFlags(EntryFlags):
    entry_id: str = flag("", "The ID of the entry", name="entryID", refers_to="entry")


async def create(flags: CreateFlags, console: Console) -> int:
    entries = (
        text.read_entries(await read_text(flags.data, console), flags.data)
        if flags.data
        else [new_entry(flags)]
    )
    async with server(flags) as api:
        request = BatchCreateEntryRequest(entries=entries)
        with calling():
            reply, position, warnings = await api.with_warnings(api.entry.BatchCreateEntry, request)
        show_warnings(warnings, console)
        code = show_changed(reply, entries, "create", flags, console)
        if flags.wait and code == 0:
            made = [result.entry.id for result in reply.results if result.status.code == 0]
            return await wait_for(api, made, position, flags.wait_timeout, console)
        return code


async def update(flags: UpdateFlags, console: Console) -> int:
    entries = (
        text.read_entries(await read_text(flags.data, console), flags.data)
        if flags.data
        else [changed_entry(flags)]
    )
    async with server(flags) as api:
        with calling():
            request = BatchUpdateEntryRequest(entries=entries)
            reply, _, warnings = await api.with_warnings(api.entry.BatchUpdateEntry, request)
    show_warnings(warnings, console)
    return show_changed(reply, entries, "update", flags, console)


def new_entry(flags: CreateFlags) -> Entry:
    """Raises: InvalidArgument, in SPIRE's words."""
    check(flags, needs_parent=not flags.node)
    entry = from_flags(flags)
    if flags.node:
        entry.parent_id.CopyFrom(entry.spiffe_id)
        entry.parent_id.path = "/spire/server"
    return entry


def changed_entry(flags: UpdateFlags) -> Entry:
    if not flags.entry_id:
        raise InvalidArgument("entry ID is required", hint="`finial entry show` shows the IDs of entries")
    check(flags, needs_parent=True)
    return from_flags(flags)


def check(flags: EntryFlags, *, needs_parent: bool) -> None:
    if not flags.selectors:
        raise InvalidArgument("at least one selector is required", hint="for example -selector unix:uid:1000")
    if needs_parent and not flags.parent_id:
        raise InvalidArgument(
            "a parent ID is required if the node flag is not set",
            hint="-parentID is the ID of an agent, as `finial agent list` shows them, or of an entry for nodes",
        )
    if not flags.spiffe_id:
        raise InvalidArgument("a SPIFFE ID is required")
    if flags.x509_svid_ttl < 0:
        raise InvalidArgument("a positive x509-SVID TTL is required")
    if flags.jwt_svid_ttl < 0:
        raise InvalidArgument("a positive JWT-SVID TTL is required")


def from_flags(flags: EntryFlags) -> Entry:
    entry = Entry(
        id=flags.entry_id,
        spiffe_id=read_id(flags.spiffe_id),
        parent_id=read_id(flags.parent_id) if flags.parent_id else None,
        selectors=[read_selector(one) for one in flags.selectors],
        federates_with=flags.federates_with,
        dns_names=flags.dns_names,
        x509_svid_ttl=flags.x509_svid_ttl,
        jwt_svid_ttl=flags.jwt_svid_ttl,
        admin=flags.admin,
        downstream=flags.downstream,
        expires_at=flags.entry_expiry,
        store_svid=flags.store_svid,
        hint=flags.hint,
    )
    if flags.disable_prefetch or flags.include_jti:
        entry.additional_attributes.disable_x509_svid_prefetch = flags.disable_prefetch
        entry.additional_attributes.jwt_svid_include_jti = flags.include_jti
    return entry


def show_changed(
    reply: BatchCreateEntryResponse | BatchUpdateEntryResponse,
    asked: list[Entry],
    verb: str,
    flags: EntryFlags,
    console: Console,
) -> int:
    """A failed entry is shown as it was asked for, without the ID that the server may have told."""
    results: Sequence[Result] = reply.results
    for result, entry in zip(results, asked, strict=True):
        if result.status.code:
            result.entry.CopyFrom(entry)
        else:
            text.sorted_selectors(result.entry)
    if flags.output == "json":
        console.out(messages_json([reply]))
        return 0
    return show_results([(one.status, one.entry) for one in results], verb, console)


def show_warnings(warnings: tuple[str, ...], console: Console) -> None:
    """On standard error: what scripts read on standard output is as without them."""
    for one in warnings:
        console.err(f"Warning: {one}")


def show_results(results: list[tuple[Status, Entry]], verb: str, console: Console) -> int:
    """What was done on standard output first, then what failed on standard error."""
    for status, entry in results:
        if not status.code:
            console.out(text.entry_text(entry), end="")
    failed = [(status, entry) for status, entry in results if status.code]
    for status, entry in failed:
        reason = f"code: {status_code_name(status.code)}, msg: {go_quoted(status.message)}"
        console.err(f"Failed to {verb} the following entry ({reason}):")
        console.err(text.entry_text(entry), end="")
    if failed:
        hint = next(filter(None, (from_text(status.message) for status, _ in failed)), None)
        raise Internal(f"failed to {verb} one or more entries", hint=hint)
    return 0


def go_quoted(message: str) -> str:
    """As Go's %q."""
    escaped = message.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
