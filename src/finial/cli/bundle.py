"""`bundle show` and `bundle count`: the server's own trust bundle."""

from __future__ import annotations

from dataclasses import dataclass

from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.output import answer, messages_json
from finial.cli.server_socket import AnswerFlags, calling, server
from finial.errors import InvalidArgument
from finial.spiffe import bundle_document
from finial.wire.convert.bundle import bundle_from_wire
from finial.wire.pb.spire.api.server.bundle.v1.bundle_pb2 import CountBundlesRequest, GetBundleRequest
from finial.wire.pb.spire.api.types.bundle_pb2 import Bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowFlags(AnswerFlags):
    format: str = flag("pem", "The format to show the bundle in (pem, spiffe)", choices=("pem", "spiffe"))


async def show(flags: ShowFlags, console: Console) -> int:
    check_format(flags.format)
    async with server(flags) as api:
        with calling():
            reply = await api.bundle.GetBundle(GetBundleRequest())
    if flags.output == "json":
        console.out(messages_json([reply]))
        return 0
    console.out(bundle_text(reply, flags.format), end="")
    return 0


def check_format(format: str) -> None:
    if format not in ("pem", "spiffe"):
        raise InvalidArgument(f'invalid format: "{format}"')


def bundle_text(message: Bundle, format: str) -> str:
    """PEM of the X.509 authorities, or the whole as a SPIFFE bundle document."""
    bundle = bundle_from_wire(message)
    if format == "pem":
        return bundle_document.encode_pem(bundle.x509_roots).decode()
    return bundle_document.encode(bundle).decode() + "\n"


async def count(flags: AnswerFlags, console: Console) -> int:
    async with server(flags) as api:
        with calling():
            reply = await api.bundle.CountBundles(CountBundlesRequest())
    text = f"{reply.count} {'bundle' if reply.count == 1 else 'bundles'}"
    return answer(console, flags.output, reply, [text])


COMMANDS = (
    Command(
        "bundle show",
        "Shows the trust bundle of the server.",
        ShowFlags,
        show,
        examples=("finial bundle show > bundle.pem", "finial bundle show -format spiffe"),
    ),
    Command(
        "bundle count",
        "Counts the bundles that the server keeps.",
        AnswerFlags,
        count,
        examples=("finial bundle count",),
    ),
)
