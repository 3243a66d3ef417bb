"""`spire.api.types.FederationRelationship` <-> FederationRelationship and the bundle that may come along.

Texts are SPIRE 1.15's (`pkg/server/api/trustdomain.go`). Of an update SPIRE reads every field, also those
outside the mask; here only the selected ones are judged, as its own documentation has it.
"""

from __future__ import annotations

from typing import TypedDict
from urllib.parse import urlsplit

from finial.errors import InvalidArgument
from finial.registry.federation import HTTPS_SPIFFE, HTTPS_WEB, FederationRelationship
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.convert.bundle import bundle_from_request, bundle_to_wire
from finial.wire.convert.field import naming, wants
from finial.wire.pb.spire.api.types import federationrelationship_pb2 as pb

NOT_IN_HOST = frozenset(' "<>\\^`{|}')  # what Go's url.Parse refuses in a host name


class FederationChanges(TypedDict, total=False):
    """Fields that an update sets: `dataclasses.replace(relationship, **changes)`."""

    bundle_endpoint_url: str
    bundle_endpoint_profile: str
    endpoint_spiffe_id: SpiffeId | None


def federation_to_wire(
    relationship: FederationRelationship, bundle: Bundle | None = None
) -> pb.FederationRelationship:
    message = pb.FederationRelationship(
        trust_domain=relationship.trust_domain.name,
        bundle_endpoint_url=relationship.bundle_endpoint_url,
    )
    if relationship.bundle_endpoint_profile == HTTPS_SPIFFE:
        message.https_spiffe.endpoint_spiffe_id = str(relationship.endpoint_spiffe_id or "")
    else:
        message.https_web.SetInParent()
    if bundle is not None:
        message.trust_domain_bundle.CopyFrom(bundle_to_wire(bundle))
    return message


def federation_from_wire(message: pb.FederationRelationship) -> FederationRelationship:
    """A relationship as a server gave it or a caller wants it, all fields. Raises: InvalidArgument."""
    trust_domain = federation_trust_domain(message)
    return FederationRelationship(trust_domain, **federation_changes_from_request(message, None))


def federation_trust_domain(message: pb.FederationRelationship) -> TrustDomain:
    """Whose bundle is fetched. Raises: InvalidArgument."""
    with naming("failed to parse trust domain"):
        return TrustDomain.parse(message.trust_domain)


def federation_changes_from_request(
    message: pb.FederationRelationship, mask: pb.FederationRelationshipMask | None
) -> FederationChanges:
    """What an update sets: the fields that the mask selects; without a mask all. Raises: InvalidArgument."""
    changes: FederationChanges = {}
    if wants(mask, "bundle_endpoint_url"):
        changes["bundle_endpoint_url"] = _https_url(message.bundle_endpoint_url)
    if wants(mask, "bundle_endpoint_profile"):
        changes["bundle_endpoint_profile"], changes["endpoint_spiffe_id"] = _profile(message)
    return changes


def federation_bundle_from_request(
    message: pb.FederationRelationship, mask: pb.FederationRelationshipMask | None
) -> Bundle | None:
    """The bundle to begin with, if one came along and is selected. Raises: InvalidArgument."""
    if not wants(mask, "trust_domain_bundle") or not message.HasField("trust_domain_bundle"):
        return None
    with naming("failed to parse bundle"):
        bundle = bundle_from_request(message.trust_domain_bundle)
    trust_domain = federation_trust_domain(message)
    if bundle.trust_domain != trust_domain:
        raise InvalidArgument(
            f'trust domain bundle ("{bundle.trust_domain}") must match the trust domain of the federation '
            f'relationship ("{trust_domain}")'
        )
    return bundle


def _profile(message: pb.FederationRelationship) -> tuple[str, SpiffeId | None]:
    chosen = message.WhichOneof("bundle_endpoint_profile")
    if chosen == "https_web":
        return HTTPS_WEB, None
    if chosen == "https_spiffe":
        with naming("failed to parse endpoint SPIFFE ID"):
            return HTTPS_SPIFFE, SpiffeId.parse(message.https_spiffe.endpoint_spiffe_id)
    raise InvalidArgument("unsupported bundle endpoint profile type: <nil>")


def _https_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        _ = parts.port  # judged when it is read
    except ValueError as why:
        raise InvalidArgument(f'failed to parse bundle endpoint URL: parse "{text}": {why}') from None
    for character in parts.netloc:
        if character in NOT_IN_HOST:
            raise InvalidArgument(
                f'failed to parse bundle endpoint URL: parse "{text}": invalid character "{character}" in host name'
            )
    if parts.scheme != "https":
        raise InvalidArgument("bundle endpoint URL must use the https scheme")
    if "@" in parts.netloc and host:
        raise InvalidArgument("bundle endpoint URL must not contain user info")
    if not host:
        raise InvalidArgument("bundle endpoint URL must specify the host")
    return text
