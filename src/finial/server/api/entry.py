"""`spire.api.server.entry.v1.Entry`, the operators' half; `authorized.py` is the agents'."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from finial.errors import AlreadyExists, FinialError, InvalidArgument, NotFound
from finial.registry.entry import Entry
from finial.runtime.grpc import Stream
from finial.runtime.log import FieldValue
from finial.server.api.authorized import AuthorizedEntries
from finial.server.api.backend import as_internal, audit_text, request_of
from finial.server.api.caller import current, log_refusal
from finial.server.api.filters import entry_filter
from finial.server.api.lifetimes import require_fit, warn_of_misfits
from finial.store import Created, Refused, Similar, Updated
from finial.wire.convert.entry import entry_changes_from_request, entry_from_request, entry_to_wire
from finial.wire.convert.field import apply_mask, given, hidden_fields, hide, naming
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2 as api
from finial.wire.pb.spire.api.types import entry_pb2
from finial.wire.status import item_status, status_code_name

CANNOT_LIST = "failed to list entries: datastore-sql: rpc error: code = InvalidArgument desc ="
Change = Callable[[Entry], Entry]
CreateResult = api.BatchCreateEntryResponse.Result
UpdateResult = api.BatchUpdateEntryResponse.Result
DeleteResult = api.BatchDeleteEntryResponse.Result


class EntryService(AuthorizedEntries):
    async def CountEntries(self, stream: Stream[api.CountEntriesRequest, api.CountEntriesResponse]) -> None:
        request = await request_of(stream)
        message = given(request, "filter", request.filter)
        wanted = entry_filter(message, self._backend.trust_domain, "failed to count entries")
        found = self._backend.follower.index.list_entries(wanted)
        await stream.send_message(api.CountEntriesResponse(count=len(found.values)))

    async def ListEntries(self, stream: Stream[api.ListEntriesRequest, api.ListEntriesResponse]) -> None:
        request = await request_of(stream)
        message = given(request, "filter", request.filter)
        wanted = entry_filter(message, self._backend.trust_domain, "failed to list entries")
        async with as_internal(CANNOT_LIST, join=" "):
            page = self._backend.follower.index.list_entries(
                wanted, size=request.page_size, token=request.page_token
            )
        hidden = hidden_fields(given(request, "output_mask", request.output_mask))
        if hidden:
            entries = [hide(entry_to_wire(one), hidden) for one in page.values]
            response = api.ListEntriesResponse(entries=entries, next_page_token=page.next_token)
        else:
            response = self._backend.encoded.response(page.values, page.next_token)
        await stream.send_message(response)

    async def GetEntry(self, stream: Stream[api.GetEntryRequest, entry_pb2.Entry]) -> None:
        request = await request_of(stream)
        if not request.id:
            raise InvalidArgument("missing ID")
        current().audit(entry_id=request.id)
        entry = await self._backend.store.entry(request.id)
        if entry is None:
            raise NotFound("entry not found")
        mask = given(request, "output_mask", request.output_mask)
        await stream.send_message(apply_mask(entry_to_wire(entry), mask))

    async def BatchCreateEntry(
        self, stream: Stream[api.BatchCreateEntryRequest, api.BatchCreateEntryResponse]
    ) -> None:
        request = await request_of(stream)
        hidden = hidden_fields(given(request, "output_mask", request.output_mask))
        read = [self._read(message) for message in request.entries]
        good = [one for one in read if isinstance(one, Entry)]
        done: list[Created | Similar | Refused] = []
        if good:
            done = await self._backend.settled(stream, await self._backend.store.create_entries(good))
            made = [one.entry for one in done if isinstance(one, Created)]
            warn_of_misfits(stream, made, self._backend.signer.policy.ca_ttl)
        answers = iter(done)
        outcomes = [next(answers) if isinstance(one, Entry) else Refused(one) for one in read]
        results = [_create_result(one, hidden) for one in outcomes]
        for message, result, outcome in zip(request.entries, results, outcomes, strict=True):
            _audit_entry(message, result.status.code, result.status.message, outcome)
        await stream.send_message(api.BatchCreateEntryResponse(results=results))

    def _read(self, message: entry_pb2.Entry) -> Entry | FinialError:
        try:
            with naming("failed to convert entry"):
                entry = entry_from_request(message, self._backend.trust_domain)
            require_fit(entry.x509_svid_ttl, entry.jwt_svid_ttl, self._backend.signer.policy)
            return entry
        except FinialError as why:
            return why

    async def BatchUpdateEntry(
        self, stream: Stream[api.BatchUpdateEntryRequest, api.BatchUpdateEntryResponse]
    ) -> None:
        request = await request_of(stream)
        mask = given(request, "input_mask", request.input_mask)
        hidden = hidden_fields(given(request, "output_mask", request.output_mask))
        read = [self._read_change(message, mask) for message in request.entries]
        good = [one for one in read if not isinstance(one, FinialError)]
        done: list[Updated | Refused] = []
        if good:
            done = await self._backend.settled(stream, await self._backend.store.update_entries(good))
            made = [one.entry for one in done if isinstance(one, Updated)]
            warn_of_misfits(stream, made, self._backend.signer.policy.ca_ttl)
        answers = iter(done)
        outcomes = [Refused(one) if isinstance(one, FinialError) else next(answers) for one in read]
        results = [
            _update_result(message.id, outcome, hidden)
            for message, outcome in zip(request.entries, outcomes, strict=True)
        ]
        for message, result, outcome in zip(request.entries, results, outcomes, strict=True):
            _audit_entry(message, result.status.code, result.status.message, outcome)
        await stream.send_message(api.BatchUpdateEntryResponse(results=results))

    def _read_change(
        self, message: entry_pb2.Entry, mask: entry_pb2.EntryMask | None
    ) -> tuple[str, Change] | FinialError:
        try:
            with naming("failed to convert entry"):
                changes = entry_changes_from_request(message, self._backend.trust_domain, mask)
            lifetimes = changes.get("x509_svid_ttl", 0), changes.get("jwt_svid_ttl", 0)
            require_fit(*lifetimes, self._backend.signer.policy)
        except FinialError as why:
            return why
        return message.id, lambda stored: replace(stored, **changes)

    async def BatchDeleteEntry(
        self, stream: Stream[api.BatchDeleteEntryRequest, api.BatchDeleteEntryResponse]
    ) -> None:
        request = await request_of(stream)
        ids = [one for one in request.ids if one]
        done: list[Entry | None] = []
        if ids:
            done = await self._backend.settled(stream, await self._backend.store.delete_entries(ids))
        answers = iter(done)
        results = [_delete_result(one, next(answers) if one else None) for one in request.ids]
        await stream.send_message(api.BatchDeleteEntryResponse(results=results))


def _create_result(done: Created | Similar | Refused, hidden: tuple[str, ...]) -> CreateResult:
    match done:
        case Created(entry):
            return CreateResult(status=item_status(None), entry=hide(entry_to_wire(entry), hidden))
        case Similar(existing):
            status = item_status(AlreadyExists("similar entry already exists"))
            return CreateResult(status=status, entry=hide(entry_to_wire(existing), hidden))
        case Refused(error):
            failed = _failed("failed to create entry", error)
            log_refusal(failed)
            return CreateResult(status=item_status(failed))


def _update_result(entry_id: str, done: Updated | Refused, hidden: tuple[str, ...]) -> UpdateResult:
    if isinstance(done, Refused):
        failed = _failed("failed to update entry", done.error)
        log_refusal(failed, entry_id=entry_id)
        return UpdateResult(status=item_status(failed))
    return UpdateResult(status=item_status(None), entry=hide(entry_to_wire(done.entry), hidden))


def _failed(what: str, error: FinialError) -> FinialError:
    """What could not be read says so itself; of what the store refuses, and is not there, no cause is told."""
    if isinstance(error, NotFound):
        return NotFound(what)
    return error if error.message.startswith("failed to") else error.within(what)


def _delete_result(entry_id: str, deleted: Entry | None) -> DeleteResult:
    error: FinialError | None = None
    if not entry_id:
        error = InvalidArgument("missing entry ID")
    elif deleted is None:
        error = NotFound("entry not found")
        log_refusal(error, entry_id=entry_id)
    gone: dict[str, FieldValue] = {}
    if deleted is not None:
        gone = {"spiffe_id": str(deleted.spiffe_id), "revision": deleted.revision_number}
    current().audit_item(audit_text(error) if error else "", gone, entry_id=entry_id)
    return DeleteResult(status=item_status(error), id=entry_id)


def _audit_entry(
    message: entry_pb2.Entry, code: int, text: str, outcome: Created | Similar | Updated | Refused
) -> None:
    call = current()
    if not call.auditing:
        return
    fields: dict[str, FieldValue] = {
        "spiffe_id": f"spiffe://{message.spiffe_id.trust_domain}{message.spiffe_id.path}",
        "parent_id": f"spiffe://{message.parent_id.trust_domain}{message.parent_id.path}",
        "selectors": ",".join(f"{one.type}:{one.value}" for one in message.selectors),
        "x509_svid_ttl": message.x509_svid_ttl,
        "jwt_svid_ttl": message.jwt_svid_ttl,
        "admin": message.admin,
        "downstream": message.downstream,
        "expires_at": message.expires_at,
        "hint": message.hint,
        "store_svid": message.store_svid,
        "revision_number": message.revision_number,
        "created_at": message.created_at,
    }
    if message.id:
        fields["entry_id"] = message.id
    if message.federates_with:
        fields["federates_with"] = ",".join(message.federates_with)
    if message.dns_names:
        fields["dns_name"] = ",".join(message.dns_names)
    call.audit_item(f"{status_code_name(code)}: {text}" if code else "", _evidence(outcome), **fields)


def _evidence(outcome: Created | Similar | Updated | Refused) -> dict[str, FieldValue]:
    """Which entry it is, and as which revision it stands from here on."""
    match outcome:
        case Created(entry) | Updated(entry):
            return {
                "entry_id": entry.id,
                "revision": entry.revision_number,
                "spiffe_id": str(entry.spiffe_id),
            }
        case Similar(existing):
            return {"similar_entry_id": existing.id}
    return {}
