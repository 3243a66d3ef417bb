"""Federation relationship: where the bundle of another trust domain is fetched, and how. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain

HTTPS_WEB = "https_web"
HTTPS_SPIFFE = "https_spiffe"


@dataclass(frozen=True, slots=True)
class FederationRelationship:
    trust_domain: TrustDomain
    bundle_endpoint_url: str
    bundle_endpoint_profile: str  # https_web or https_spiffe
    endpoint_spiffe_id: SpiffeId | None = None  # https_spiffe only
