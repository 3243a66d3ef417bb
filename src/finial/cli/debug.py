"""`debug getinfo`: how long the server runs, what it holds, and its own certificates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.notation import id_text
from finial.cli.output import answer
from finial.cli.server_socket import AnswerFlags, calling, server
from finial.config.durations import format_duration
from finial.wire.pb.spire.api.server.debug.v1.debug_pb2 import GetInfoRequest, GetInfoResponse


async def get_info(flags: AnswerFlags, console: Console) -> int:
    async with server(flags) as api:
        with calling():
            info = await api.debug.GetInfo(GetInfoRequest())
    return answer(console, flags.output, info, info_text(info))


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
        AnswerFlags,
        get_info,
        examples=("finial debug getinfo", "finial debug getinfo -output json"),
    ),
)
