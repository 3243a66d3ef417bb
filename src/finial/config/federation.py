"""The block `server.federation`: bundles served to and fetched from other trust domains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from finial.config.options import option
from finial.config.tree import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Acme:
    directory_url: str = option("", "Directory of the ACME server.")
    domain_name: str = option("", "Name the certificate is for.")
    email: str = option("", "Address of the account.")
    tos_accepted: bool = option(False, "Whether the terms of service are accepted.")


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleEndpoint:
    address: str = option("0.0.0.0", "Address of the listener.")  # noqa: S104  SPIRE's default
    port: int = option(0, "Port of the listener.")
    refresh_hint: timedelta = option(
        timedelta(minutes=5), "How often others should fetch.", failure="could not parse refresh_hint {}"
    )
    profile: Object | None = option(None, '`"https_spiffe" {}` or `"https_web" { .. }`.')
    acme: Acme | None = option(None, "Certificates by ACME; deprecated here.", section="bundle endpoint ACME")


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatesWith:
    bundle_endpoint_url: str = option("", "Where the other trust domain serves its bundle.")
    bundle_endpoint_profile: Object | None = option(None, '`"https_spiffe" { .. }` or `"https_web" {}`.')


@dataclass(frozen=True, slots=True, kw_only=True)
class Federation:
    bundle_endpoint: BundleEndpoint | None = option(
        None, "Serves this trust domain's bundle.", section="bundle endpoint"
    )
    federates_with: Mapping[str, FederatesWith] = option({}, "Trust domains whose bundles are fetched.")
