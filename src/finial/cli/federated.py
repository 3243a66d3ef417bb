"""`bundle list | set | delete`: the trust bundles of other trust domains."""

from __future__ import annotations

from dataclasses import dataclass

from finial.cli.bundle import ShowFlags, bundle_text, check_format
from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.files import read_text
from finial.cli.flags import flag
from finial.cli.hints import from_text
from finial.cli.output import messages_json
from finial.cli.paging import pages
from finial.cli.server_socket import AnswerFlags, calling, server
from finial.errors import FinialError, Internal, InvalidArgument
from finial.spiffe import bundle_document
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.convert.bundle import bundle_to_wire
from finial.wire.pb.spire.api.server.bundle.v1.bundle_pb2 import (
    BatchDeleteFederatedBundleRequest,
    BatchSetFederatedBundleRequest,
    GetFederatedBundleRequest,
    ListFederatedBundlesRequest,
    ListFederatedBundlesResponse,
)
from finial.wire.pb.spire.api.types.bundle_pb2 import Bundle

RULE = "*" * 40
MODES = ("restrict", "delete", "dissociate")
UNNAMED = TrustDomain("unnamed")  # a bundle's data are read before the server judges the name


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFlags(ShowFlags):
    id: str = flag("", "The trust domain; all of them if not given", refers_to="bundle")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFlags(AnswerFlags):
    id: str = flag("", "The trust domain", refers_to="bundle")
    path: str = flag("", "A file with the bundle; standard input if not given")
    format: str = flag("pem", "The format of the bundle (pem, spiffe)", choices=("pem", "spiffe"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteFlags(AnswerFlags):
    id: str = flag("", "The trust domain", refers_to="bundle")
    mode: str = flag(
        "restrict",
        "What becomes of entries that federate with it: restrict (then nothing is deleted), "
        "delete (they are deleted too) or dissociate (they no longer federate with it)",
        choices=MODES,
    )


async def list_bundles(flags: ListFlags, console: Console) -> int:
    check_format(flags.format)
    async with server(flags) as api:
        if flags.id:
            with calling():
                one = await api.bundle.GetFederatedBundle(GetFederatedBundleRequest(trust_domain=flags.id))
            json = flags.output == "json"
            console.out(messages_json([one]) + "\n" if json else bundle_text(one, flags.format), end="")
            return 0
        listed = pages(api.bundle.ListFederatedBundles, ListFederatedBundlesRequest())
        found = [one async for page in listed for one in page.bundles]
    if flags.output == "json":
        console.out(messages_json([ListFederatedBundlesResponse(bundles=found)]))
    else:
        console.out("\n".join(titled(one, flags.format) for one in found), end="")
    return 0


def titled(bundle: Bundle, format: str) -> str:
    return f"{RULE}\n* {bundle.trust_domain}\n{RULE}\n{bundle_text(bundle, format)}"


async def set_bundle(flags: SetFlags, console: Console) -> int:
    if not flags.id:
        raise InvalidArgument("id flag is required")
    check_format(flags.format)
    bundle = await read_bundle(flags, console)
    async with server(flags) as api:
        with calling("failed to set federated bundle"):
            reply = await api.bundle.BatchSetFederatedBundle(BatchSetFederatedBundleRequest(bundle=[bundle]))
    if flags.output == "json":
        console.out(messages_json([reply]))
        return 0
    for result in reply.results:
        if result.status.code:
            raise Internal(f"failed to set federated bundle: {result.status.message}")
    console.out("bundle set.")
    return 0


async def read_bundle(flags: SetFlags, console: Console) -> Bundle:
    """Named as it was asked for: the server reads IDs too. Raises: InvalidArgument, NotFound."""
    try:
        data = (await read_text(flags.path or "-", console)).encode()
    except FinialError as why:
        raise why.within("unable to load bundle data") from why
    spiffe = flags.format == "spiffe"
    parse = bundle_document.parse if spiffe else bundle_document.parse_pem
    try:
        bundle = bundle_to_wire(parse(data, UNNAMED))
    except InvalidArgument as why:
        raise why.within(
            "unable to parse to spiffe bundle" if spiffe else "unable to parse bundle data"
        ) from why
    bundle.trust_domain = flags.id
    return bundle


async def delete_bundle(flags: DeleteFlags, console: Console) -> int:
    if not flags.id:
        raise InvalidArgument("id is required")
    if flags.mode not in MODES:
        raise InvalidArgument(f'unsupported mode "{flags.mode}"')
    request = BatchDeleteFederatedBundleRequest(trust_domains=[flags.id], mode=flags.mode.upper())
    async with server(flags) as api:
        with calling("failed to delete federated bundle"):
            reply = await api.bundle.BatchDeleteFederatedBundle(request)
    if flags.output == "json":
        console.out(messages_json([reply]))
        return 0
    for result in reply.results:
        if result.status.code:
            failed = f'failed to delete federated bundle "{result.trust_domain}": {result.status.message}'
            raise Internal(failed, hint=from_text(result.status.message))
    console.out("bundle deleted.")
    return 0


COMMANDS = (
    Command(
        "bundle list",
        "Shows the bundles of other trust domains, all or one.",
        ListFlags,
        list_bundles,
        examples=("finial bundle list", "finial bundle list -id spiffe://other.test -format spiffe"),
    ),
    Command(
        "bundle set",
        "Trusts another trust domain by this bundle, in place of the one there may be.",
        SetFlags,
        set_bundle,
        examples=("finial bundle set -id spiffe://other.test -format spiffe -path other.json",),
    ),
    Command(
        "bundle delete",
        "Deletes the bundle of another trust domain.",
        DeleteFlags,
        delete_bundle,
        examples=("finial bundle delete -id spiffe://other.test -mode dissociate",),
    ),
)
