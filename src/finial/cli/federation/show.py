"""`federation list | show | delete | refresh`. Labels and errors are SPIRE's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.output import answer, messages_json
from finial.cli.paging import pages
from finial.cli.server_socket import AnswerFlags, calling, server
from finial.errors import Internal, InvalidArgument, NotFound
from finial.wire.pb.spire.api.server.trustdomain.v1 import trustdomain_pb2 as wire
from finial.wire.pb.spire.api.types.federationrelationship_pb2 import FederationRelationship
from finial.wire.pb.spire.api.types.status_pb2 import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowFlags(AnswerFlags):
    trust_domain: str = flag(
        "", "The trust domain of the relationship", name="trustDomain", refers_to="relationship"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IdFlags(AnswerFlags):
    id: str = flag("", "The trust domain of the relationship", refers_to="relationship")


async def list_all(flags: AnswerFlags, console: Console) -> int:
    async with server(flags) as api:
        wanted = wire.ListFederationRelationshipsRequest()
        listed = pages(
            api.trust_domain.ListFederationRelationships, wanted, "error listing federation relationships"
        )
        found = [one async for page in listed for one in page.federation_relationships]
    reply = wire.ListFederationRelationshipsResponse(federation_relationships=found)
    return answer(console, flags.output, reply, list_text(found))


async def show(flags: ShowFlags, console: Console) -> int:
    if not flags.trust_domain:
        raise InvalidArgument("a trust domain name is required")
    request = wire.GetFederationRelationshipRequest(trust_domain=flags.trust_domain)
    async with server(flags) as api:
        with calling("error showing federation relationship"):
            found = await api.trust_domain.GetFederationRelationship(request)
    title = f"Found a federation relationship with trust domain {found.trust_domain}:"
    return answer(console, flags.output, found, [title, "", *relationship_text(found)])


async def delete(flags: IdFlags, console: Console) -> int:
    request = wire.BatchDeleteFederationRelationshipRequest(trust_domains=[required(flags)])
    async with server(flags) as api:
        with calling("failed to delete federation relationship"):
            reply = await api.trust_domain.BatchDeleteFederationRelationship(request)
    if flags.output == "json":
        console.out(messages_json([reply]))
        return 0
    for result in reply.results:
        if result.status.code:
            name = result.trust_domain
            raise Internal(f'failed to delete federation relationship "{name}": {result.status.message}')
    console.out("federation relationship deleted.")
    return 0


async def refresh(flags: IdFlags, console: Console) -> int:
    request = wire.RefreshBundleRequest(trust_domain=required(flags))
    async with server(flags) as api:
        try:
            with calling("failed to refresh bundle"):
                await api.trust_domain.RefreshBundle(request)
        except NotFound as why:
            raise NotFound(f'there is no federation relationship with trust domain "{flags.id}"') from why
    return answer(console, flags.output, Status(message="OK"), ["Bundle refreshed"])


def required(flags: IdFlags) -> str:
    if not flags.id:
        raise InvalidArgument("id is required")
    return flags.id


def list_text(found: list[FederationRelationship]) -> Iterator[str]:
    yield f"Found {len(found)} federation {'relationship' if len(found) == 1 else 'relationships'}"
    for one in found:
        yield ""
        yield from relationship_text(one)


def relationship_text(one: FederationRelationship) -> Iterator[str]:
    yield f"Trust domain              : {one.trust_domain}"
    yield f"Bundle endpoint URL       : {one.bundle_endpoint_url}"
    if one.HasField("https_spiffe"):
        yield "Bundle endpoint profile   : https_spiffe"
        yield f"Endpoint SPIFFE ID        : {one.https_spiffe.endpoint_spiffe_id}"
    else:
        yield "Bundle endpoint profile   : https_web"
