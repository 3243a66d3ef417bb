"""`debug getinfo`: how long the server runs, what it holds, and its own certificates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.entry.text import id_text
from finial.cli.flags import flag
from finial.cli.output import messages_json, read_format
from finial.cli.server_socket import ServerFlags, calling, server
from finial.config.durations import format_duration
from finial.wire.pb.spire.api.server.debug.v1.debug_pb2 import GetInfoRequest, GetInfoResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class InfoFlags(ServerFlags):
    output: str = flag("pretty", "Desired output format (pretty, json)", read=read_format)


async def get_info(flags: InfoFlags, console: Console) -> int:
    async with server(flags) as api:
        with calling():
            info = await api.debug.GetInfo(GetInfoRequest())
    console.out(messages_json([info]) if flags.output == "json" else "\n".join(info_text(info)))
    return 0


def info_text(info: GetInfoResponse) -> Iterator[str]:
    yield "Server Debug Info:"
    yield f"  Uptime:                  {format_duration(timedelta(seconds=info.uptime))}"
    yield f"  Registered Agents:       {info.agents_count}"
    yield f"  Registration Entries:    {info.entries_count}"
    yield f"  Federated Bundles:       {info.federated_bundles_count}"
    yield "  SVID Chain:"
    for number, certificate in enumerate(info.svid_chain):
        yield f"    [{number}] SPIFFE ID:  {id_text(certificate.id)}"
        yield f"        Subject:    {certificate.subject}"
        yield f"        Expires At: {datetime.fromtimestamp(certificate.expires_at, UTC):%Y-%m-%dT%H:%M:%SZ}"


COMMANDS = (
    Command(
        "debug getinfo",
        "Shows how long the server runs, what it holds, and its own certificates.",
        InfoFlags,
        get_info,
        examples=("finial debug getinfo", "finial debug getinfo -output json"),
    ),
)
