"""Section `telemetry` of either file: its options, and what a program's metrics are to be made with.

SPIRE 1.15: pkg/common/telemetry/config.go, prometheus.go. Options that contradict each other are refused when the
file is checked, before anything listens.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

from finial.config.checks import MAX_PORT
from finial.config.decode import Decoder
from finial.config.options import option, refused, required
from finial.errors import FinialError, InvalidArgument
from finial.runtime.metrics import Dialect, Export, Filter, TlsExport, sanitized
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain

M3_REFUSED = refused("its protocol (Thrift over UDP) is not spoken; M3 reads Prometheus and StatsD")
IN_MEM_REFUSED = refused("the same figures are read from the Prometheus endpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusTls:
    cert_file: str = option("", "Certificate of the endpoint, PEM.")
    key_file: str = option("", "Its key, PEM.")
    client_ca_file: str = option("", "CAs whose clients may read, PEM.")
    use_spire_svid: bool = option(False, "Serves with the program's own SVID.")
    authorized_spiffe_ids: tuple[str, ...] = option(
        (), "SPIFFE IDs whose X509-SVIDs may read.", shown="no certificate is asked for"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    host: str = option("localhost", "Address of the endpoint.")
    port: int = option(0, "Port of the endpoint; any path answers.", shown="a free one, told in the log")
    tls: PrometheusTls | None = option(None, "TLS of the endpoint.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statsd:
    address: str = required("`host:port` that metrics are sent to, by UDP.", "address must be configured")


@dataclass(frozen=True, slots=True, kw_only=True)
class M3:
    address: str = option("", "Address metrics are sent to.")
    env: str = option("", "M3 environment.")


@dataclass(frozen=True, slots=True, kw_only=True)
class InMem:
    """Has no options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """Section `telemetry`."""

    prometheus: Prometheus | None = option(None, "Endpoint for Prometheus.", key="Prometheus")
    statsd: tuple[Statsd, ...] = option((), "StatsD daemons.", key="Statsd")
    dogstatsd: tuple[Statsd, ...] = option((), "DogStatsD daemons.", key="DogStatsd")
    m3: tuple[M3, ...] = option((), "M3 sinks.", key="M3", status=M3_REFUSED)
    in_mem: InMem | None = option(None, "In-memory sink.", key="InMem", status=IN_MEM_REFUSED)
    metric_prefix: str = option(
        "", "First part of every name.", key="MetricPrefix", shown="`spire_server` or `spire_agent`"
    )
    enable_trust_domain_label: bool = option(
        False, "Each metric has a label `trust_domain`.", key="EnableTrustDomainLabel"
    )
    enable_hostname_label: bool = option(True, "Each metric has a label `host`.", key="EnableHostnameLabel")
    spiffe_id_label: bool = option(
        False,
        "SVIDs issued are also told by SPIFFE ID, 2,000 series at most. Not in SPIRE.",
        key="SpiffeIdLabel",
    )
    allowed_prefixes: tuple[str, ...] = option(
        (), "Metrics that are kept although a shorter prefix is blocked.", key="AllowedPrefixes"
    )
    blocked_prefixes: tuple[str, ...] = option((), "Metrics that are left out.", key="BlockedPrefixes")
    allowed_labels: tuple[str, ...] = option((), "Labels that are kept, no others.", key="AllowedLabels")
    blocked_labels: tuple[str, ...] = option((), "Labels that are left out.", key="BlockedLabels")


def export_of(options: Telemetry, service: str, trust_domain: TrustDomain) -> Export:
    """How the metrics of a program leave it. `service`: `spire_server` or `spire_agent`.

    Raises: InvalidArgument for options that contradict each other.
    """
    labels = {}
    if options.enable_trust_domain_label:
        labels["trust_domain"] = sanitized(str(trust_domain))
    if options.enable_hostname_label:
        labels["host"] = socket.gethostname()
    endpoint = options.prometheus
    return Export(
        options.metric_prefix or service,
        labels,
        Filter(
            options.allowed_prefixes,
            options.blocked_prefixes,
            options.allowed_labels,
            options.blocked_labels,
        ),
        daemons=tuple(_daemons(options)),
        endpoint=(endpoint.host or "localhost", endpoint.port) if endpoint else None,
        tls=_tls(endpoint.tls) if endpoint and endpoint.tls else None,
        by_id=options.spiffe_id_label,
    )


def check_telemetry(options: Telemetry, decoder: Decoder) -> None:
    """Adds the problems that no single option has."""
    endpoint = options.prometheus
    if endpoint is None:
        return
    if not 0 <= endpoint.port <= MAX_PORT:
        decoder.fail(f"Prometheus port {endpoint.port} is not a port", "telemetry.Prometheus.port")
    try:
        if endpoint.tls is not None:
            _tls(endpoint.tls)
    except InvalidArgument as why:
        decoder.fail(str(why), "telemetry.Prometheus.tls", "telemetry.Prometheus")


def _daemons(options: Telemetry) -> Iterator[tuple[str, Dialect]]:
    for one in options.statsd:
        yield one.address, Dialect.STATSD
    for one in options.dogstatsd:
        yield one.address, Dialect.DOGSTATSD


def _tls(options: PrometheusTls) -> TlsExport:
    own = options.use_spire_svid
    if own and (options.cert_file or options.key_file):
        raise InvalidArgument("cert_file and key_file cannot be configured when use_spire_svid is enabled")
    if not own and not (options.cert_file and options.key_file):
        raise InvalidArgument(
            "cert_file and key_file must both be configured unless use_spire_svid is enabled"
        )
    if options.authorized_spiffe_ids and options.client_ca_file:
        raise InvalidArgument("client_ca_file cannot be configured with authorized_spiffe_ids")
    if own and options.client_ca_file:
        raise InvalidArgument(
            "client_ca_file has no effect with use_spire_svid",
            hint="name the readers in authorized_spiffe_ids",
        )
    return TlsExport(
        options.cert_file,
        options.key_file,
        options.client_ca_file,
        frozenset(_id(one) for one in options.authorized_spiffe_ids),
    )


def _id(text: str) -> SpiffeId:
    try:
        return SpiffeId.parse(text)
    except FinialError as why:
        raise InvalidArgument(f'invalid authorized SPIFFE ID "{text}": {why}') from why
