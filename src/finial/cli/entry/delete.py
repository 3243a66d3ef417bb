"""`entry delete`: by ID, or by a file `{"ids": [...]}`."""

from __future__ import annotations

from dataclasses import dataclass

from finial.cli.console import Console
from finial.cli.entry.change import go_quoted
from finial.cli.files import read_text
from finial.cli.flags import flag
from finial.cli.hints import from_text
from finial.cli.json_text import read_object
from finial.cli.output import messages_json
from finial.cli.server_socket import AnswerFlags, calling, server
from finial.errors import Internal, InvalidArgument
from finial.wire.pb.spire.api.server.entry.v1.entry_pb2 import (
    BatchDeleteEntryRequest,
    BatchDeleteEntryResponse,
)
from finial.wire.status import status_code_name


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteFlags(AnswerFlags):
    entry_id: str = flag("", "The ID of the entry", name="entryID", refers_to="entry")
    file: str = flag("", "A JSON file with the IDs of entries; - reads standard input")


async def delete(flags: DeleteFlags, console: Console) -> int:
    ids = read_ids(await read_text(flags.file, console), flags.file) if flags.file else []
    if flags.entry_id:
        ids.append(flags.entry_id)
    if not ids:
        raise InvalidArgument("an entry ID is required", hint="`finial entry show` shows the IDs of entries")
    async with server(flags) as api:
        with calling():
            reply = await api.entry.BatchDeleteEntry(BatchDeleteEntryRequest(ids=ids))
    if flags.output == "json":
        console.out(messages_json([reply]))
        return 0
    return show_deleted(reply, console)


def read_ids(content: str, where: str) -> list[str]:
    """Raises: InvalidArgument."""
    ids = read_object(content, where, "entryv1.BatchDeleteEntryRequest").get("ids", [])
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise InvalidArgument(f'"{where}" holds no list of IDs', hint='{"ids": ["a", "b"]}')
    return list(ids)


def show_deleted(reply: BatchDeleteEntryResponse, console: Console) -> int:
    """The empty lines are SPIRE's, and that the last line has no end."""
    failed = [one for one in reply.results if one.status.code]
    done = [one for one in reply.results if not one.status.code]
    for result in done:
        console.out(f"Deleted entry with ID: {result.id}\n\n")
    for result in failed:
        reason = f"code: {status_code_name(result.status.code)}, msg: {go_quoted(result.status.message)}"
        console.err(f"Failed to delete entry with ID {result.id} ({reason})")
    console.out(total(len(done), len(failed)), end="\n" if console.own_name else "")
    if failed:
        hint = from_text(failed[0].status.message)
        raise Internal("failed to delete one or more entries", hint=hint)
    return 0


def total(done: int, failed: int) -> str:
    if not failed:
        return f"Deleted {done} entries successfully"
    if not done:
        return f"\n\nFailed to delete {failed} entries"
    return f"\n\nDeleted {done} entries successfully, but failed to delete {failed} entries"
