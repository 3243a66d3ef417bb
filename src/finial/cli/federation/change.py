"""`federation create` and `federation update`: flags or a file in, one block a relationship out.

A file holds {"federationRelationships": [...]} with the names of the flags; a bundle stands in it as a value.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from finial.cli.console import Console
from finial.cli.entry.change import go_quoted
from finial.cli.federation.show import relationship_text
from finial.cli.files import read_text
from finial.cli.flags import flag
from finial.cli.json_text import read_object
from finial.cli.output import messages_json
from finial.cli.server_socket import AnswerFlags, calling, server
from finial.errors import FinialError, Internal, InvalidArgument
from finial.spiffe import bundle_document
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import SCHEME, TrustDomain
from finial.wire.client import ServerApi
from finial.wire.convert.bundle import bundle_to_wire
from finial.wire.pb.spire.api.server.trustdomain.v1 import trustdomain_pb2 as wire
from finial.wire.pb.spire.api.types.bundle_pb2 import Bundle
from finial.wire.pb.spire.api.types.federationrelationship_pb2 import (
    FederationRelationship,
    HTTPSSPIFFEProfile,
    HTTPSWebProfile,
)
from finial.wire.status import status_code_name

UNNAMED = TrustDomain("unnamed")  # a bundle's data are read before the server judges the name
PROFILES = ("https_web", "https_spiffe")
Reply = wire.BatchCreateFederationRelationshipResponse | wire.BatchUpdateFederationRelationshipResponse
Result = (
    wire.BatchCreateFederationRelationshipResponse.Result
    | wire.BatchUpdateFederationRelationshipResponse.Result
)
Send = Callable[[ServerApi, Sequence[FederationRelationship]], Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFlags(AnswerFlags):
    trust_domain: str = flag("", "The trust domain to federate with", name="trustDomain")
    url: str = flag("", "Where its bundle is: an https URL", name="bundleEndpointURL")
    profile: str = flag(
        "",
        "How the endpoint is trusted: https_web or https_spiffe",
        name="bundleEndpointProfile",
        choices=PROFILES,
    )
    endpoint_id: str = flag("", "The SPIFFE ID of the endpoint, for https_spiffe", name="endpointSpiffeID")
    bundle_path: str = flag("", "A file with the bundle to begin with", name="trustDomainBundlePath")
    bundle_format: str = flag(
        "pem",
        "The format of that file: pem or spiffe",
        name="trustDomainBundleFormat",
        choices=("pem", "spiffe"),
    )
    data: str = flag("", "A JSON file with relationships; - reads standard input")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One relationship as it was given; all text."""

    trust_domain: str
    url: str
    profile: str
    endpoint_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateFlags(ChangeFlags):
    trust_domain: str = flag(
        "", "The trust domain of the relationship", name="trustDomain", refers_to="relationship"
    )


async def create(flags: ChangeFlags, console: Console) -> int:
    def send(api: ServerApi, asked: Sequence[FederationRelationship]) -> Awaitable[Reply]:
        request = wire.BatchCreateFederationRelationshipRequest(federation_relationships=asked)
        return api.trust_domain.BatchCreateFederationRelationship(request)

    return await change("create", send, flags, console)


async def update(flags: ChangeFlags, console: Console) -> int:
    def send(api: ServerApi, asked: Sequence[FederationRelationship]) -> Awaitable[Reply]:
        request = wire.BatchUpdateFederationRelationshipRequest(federation_relationships=asked)
        return api.trust_domain.BatchUpdateFederationRelationship(request)

    return await change("update", send, flags, console)


async def change(verb: str, send: Send, flags: ChangeFlags, console: Console) -> int:
    asked = await relationships(flags, console)
    if not asked:
        return 0
    async with server(flags) as api:
        with calling("request failed"):
            reply = await send(api, asked)
    if flags.output == "json":
        console.out(messages_json([reply]))
        return 0
    return show_results(reply.results, asked, verb, console)


async def relationships(flags: ChangeFlags, console: Console) -> list[FederationRelationship]:
    """Raises: InvalidArgument, NotFound."""
    given = Wanted(flags.trust_domain, flags.url, flags.profile, flags.endpoint_id)
    if not flags.data:
        made = relationship(given)
        if flags.bundle_path:
            made.trust_domain_bundle.CopyFrom(await bundle_file(flags, console))
        return [made]
    if given != Wanted("", "", "", "") or flags.bundle_path or flags.bundle_format != "pem":
        raise InvalidArgument("cannot use other flags to specify relationship fields when 'data' flag is set")
    return read_relationships(await read_text(flags.data, console), flags.data)


def relationship(wanted: Wanted) -> FederationRelationship:
    """Raises: InvalidArgument, in SPIRE's words."""
    if not wanted.trust_domain:
        raise InvalidArgument("trust domain is required")
    if not wanted.url:
        raise InvalidArgument("bundle endpoint URL is required")
    made = FederationRelationship(trust_domain=wanted.trust_domain, bundle_endpoint_url=wanted.url)
    if wanted.profile == "https_web":
        made.https_web.CopyFrom(HTTPSWebProfile())
    elif wanted.profile == "https_spiffe":
        made.https_spiffe.CopyFrom(HTTPSSPIFFEProfile(endpoint_spiffe_id=endpoint_id(wanted)))
    else:
        raise InvalidArgument(f'unknown bundle endpoint profile type: "{wanted.profile}"')
    return made


def endpoint_id(wanted: Wanted) -> str:
    if not wanted.endpoint_id:
        raise InvalidArgument("endpoint SPIFFE ID is required if 'https_spiffe' endpoint profile is set")
    try:
        return str(SpiffeId.parse(wanted.endpoint_id))
    except InvalidArgument as why:
        raise why.within("cannot parse bundle endpoint SPIFFE ID") from why


async def bundle_file(flags: ChangeFlags, console: Console) -> Bundle:
    try:
        text = await read_text(flags.bundle_path, console)
    except FinialError as why:
        raise why.within("cannot read bundle file") from why
    try:
        return read_bundle(text, flags.bundle_format, flags.trust_domain)
    except InvalidArgument as why:
        raise why.within("cannot parse bundle file") from why


def read_bundle(text: str, format: str, trust_domain: str) -> Bundle:
    pem = format == "pem"
    parse = bundle_document.parse_pem if pem else bundle_document.parse
    try:
        bundle = bundle_to_wire(parse(text.encode(), UNNAMED))
    except InvalidArgument as why:
        raise why.within(
            "unable to parse bundle data" if pem else "unable to parse to spiffe bundle"
        ) from why
    bundle.trust_domain = trust_domain.removeprefix(SCHEME)
    return bundle


def read_relationships(text: str, where: str) -> list[FederationRelationship]:
    """The JSON of `-data`. Raises: InvalidArgument, with the number of the item that is wrong."""
    try:
        rows = read_object(text, where, "federation.federationRelationships").get("federationRelationships")
    except InvalidArgument as why:
        raise why.within("failed to parse JSON") from why
    if rows is not None and not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        raise InvalidArgument(f'"{where}": "federationRelationships" is not a list of objects')
    made = []
    for number, row in enumerate(rows or ()):
        try:
            made.append(from_row(row))
        except InvalidArgument as why:
            raise why.within(f"could not parse item {number}") from why
    return made


def from_row(row: dict[str, object]) -> FederationRelationship:
    names = ("trustDomain", "bundleEndpointURL", "bundleEndpointProfile", "endpointSPIFFEID")
    texts = [row.get(name, "") for name in names]
    wanted = Wanted(*(text if isinstance(text, str) else _no_text(text) for text in texts))
    made = relationship(wanted)
    bundle = row.get("trustDomainBundle")
    if bundle is not None:
        text = bundle if isinstance(bundle, str) else json.dumps(bundle)
        format = str(row.get("trustDomainBundleFormat") or "pem")
        made.trust_domain_bundle.CopyFrom(read_bundle(text, format, wanted.trust_domain))
    return made


def _no_text(value: object) -> str:
    raise InvalidArgument(f"text is wanted, not {json.dumps(value)}")


def show_results(
    results: Sequence[Result], asked: Sequence[FederationRelationship], verb: str, console: Console
) -> int:
    """What was done, then what was not: each after an empty line on standard output, as SPIRE does."""
    pairs = list(zip(results, asked, strict=True))
    failed = [(result.status, one) for result, one in pairs if result.status.code]
    for result, _ in pairs:
        if not result.status.code:
            console.out()
            console.out("\n".join(relationship_text(result.federation_relationship)))
    for status, one in failed:
        console.out()
        reason = f"code: {status_code_name(status.code)}, msg: {go_quoted(status.message)}"
        console.err(f"Failed to {verb} the following federation relationship ({reason}):")
        console.err("\n".join(relationship_text(one)))
    if failed:
        raise Internal(f"failed to {verb} one or more federation relationships")
    return 0
