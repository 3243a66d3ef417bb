"""The agent's file: every option SPIRE 1.15 knows, what it is here, and the checks across options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

from finial.config.builtin import AGENT_PLUGINS
from finial.config.checks import MAX_PORT, feature_flags, key_type, not_negative, positive
from finial.config.decode import Decoder
from finial.config.durations import format_duration
from finial.config.load import Override, load
from finial.config.options import WORKS, Status, one_of, option, refused, required, subsumed
from finial.config.plugins import PluginConfig
from finial.config.sections import (
    PQ_KEM,
    WINDOWS,
    WIT,
    HealthChecks,
    ProcessOptions,
)
from finial.config.telemetry import Telemetry, check_telemetry
from finial.config.tree import Object, Position
from finial.errors import InvalidArgument
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain

KEY_TYPES = ("rsa-2048", "ec-p256", "ec-p384")
CACHE_SIZE = 1000
MIN_AVAILABILITY = timedelta(hours=24)
RENEWAL_SHARES = (30, 80)
HIT_TIMEOUTS = (timedelta(seconds=5), timedelta(seconds=30))
ADMIN_API = refused("the admin API is not served yet")
BUNDLE_SOURCES = ("trust_bundle_url", "trust_bundle_path", "trust_bundle_spiffe_workload_api")
SDS = refused("Envoy's SDS is not served yet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sds:
    default_svid_name: str = option("default", "Name Envoy asks for to get the default X509-SVID.")
    default_bundle_name: str = option("ROOTCA", "Name for the own trust domain's bundle.")
    default_all_bundles_name: str = option("ALL", "Name for all bundles.")
    disable_spiffe_cert_validation: bool = option(False, "Leaves Envoy's SPIFFE validator out.")


def limit(name: str, status: Status = WORKS) -> int:
    """An option of `experimental.ratelimit`."""
    sentence = f"experimental.ratelimit.{name} must not be negative"
    return option(
        0,
        "Calls a second of workloads with the same selectors; 0 is no limit.",
        check=not_negative(sentence),
        status=status,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadLimits:
    fetch_x509_svid: int = limit("fetch_x509_svid")
    fetch_jwt_svid: int = limit("fetch_jwt_svid")
    fetch_x509_bundles: int = limit("fetch_x509_bundles")
    fetch_jwt_bundles: int = limit("fetch_jwt_bundles")
    stream_secrets: int = limit("stream_secrets", SDS)
    fetch_secrets: int = limit("fetch_secrets", SDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceType:
    type_url: str = option("", "Kind of reference; `*` is any.")
    allow_over_tcp: bool = option(False, "Also from the network.")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerIdentity:
    id: str = option("", "SPIFFE ID of the broker.")
    allowed_reference_types: tuple[ReferenceType, ...] = option((), "What it may refer to.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    socket_path: str = option("", "Socket of the Broker API.")
    bind_address: str = option("", "Its network address.")
    brokers: tuple[BrokerIdentity, ...] = option((), "Who may call it.")


def check_hit_timeout(timeout: timedelta) -> timedelta:
    least, most = HIT_TIMEOUTS
    told = f"jwt_svid_cache_hit_timeout ({format_duration(timeout)})"
    if timeout < least:
        raise InvalidArgument(f"{told} must be greater than {format_duration(least)}")
    if timeout >= most:
        raise InvalidArgument(f"{told} must be less than {format_duration(most)}")
    return timeout


def check_availability(target: timedelta) -> timedelta:
    if target < MIN_AVAILABILITY:
        raise InvalidArgument(f"availability_target must be at least {format_duration(MIN_AVAILABILITY)}")
    return target


def check_share(percent: int) -> int:
    least, most = RENEWAL_SHARES
    if not least <= percent <= most:
        raise InvalidArgument(f"svid_renewal_percent must be from {least} to {most}, not {percent}")
    return percent


def check_workload_api(address: str) -> str:
    """`unix:PATH`; SPIRE takes tcp too, which cannot tell who answers."""
    if not address.startswith("unix:") or not address.removeprefix("unix:").removeprefix("//").startswith(
        "/"
    ):
        raise InvalidArgument(
            "trust_bundle_spiffe_workload_api is not a valid SPIFFE Workload API endpoint address: "
            f'"{address}" must be unix:///PATH'
        )
    return address


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentExperimental:
    sync_interval: timedelta = option(
        timedelta(seconds=5),
        "How often the server is asked for changes, where it does not push them.",
        failure="could not parse synchronization interval",
        check=positive("sync_interval"),
    )
    jwt_svid_cache_hit_timeout: timedelta = option(
        timedelta(seconds=30),
        "How long a new JWT-SVID is waited for while an older one is still valid: from 5 s to less than 30 s.",
        failure="could not parse jwt_svid_cache_hit_timeout",
        check=check_hit_timeout,
    )
    use_sync_authorized_entries: bool = option(
        True,
        "Fetches entries by SyncAuthorizedEntries.",
        status=refused("it cannot be switched off, as in SPIRE since 1.13"),
    )
    require_pq_kem: bool = option(False, "Refuses servers without post-quantum key exchange.", status=PQ_KEM)
    ratelimit: WorkloadLimits = option(WorkloadLimits(), "Limits by workload.")
    broker: Broker | None = option(
        None, "Broker API.", status=refused("the Broker API is not served yet"), section="experimental.broker"
    )
    feature_flags: tuple[str, ...] = option((), "Features in development.", status=WIT, check=feature_flags)
    svid_renewal_percent: int = option(
        50,
        "Of an X509-SVID's life, how much has passed when it is renewed, give or take a tenth of the half that is "
        "nearer: 30 to 80. SPIRE has no such option and renews at 50.",
        unit="percent",
        check=check_share,
    )
    named_pipe_name: str = option("", "Named pipe of the Workload API.", status=WINDOWS)
    admin_named_pipe_name: str = option("", "Named pipe of the admin API.", status=WINDOWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions(ProcessOptions):
    """Section `agent`."""

    server_address: str = required("Name or address of the server.", "server_address must be configured")
    server_port: int = required("Its port.", "server_port must be configured")
    trust_domain: TrustDomain = required(
        "Trust domain of the server.",
        "trust_domain must be configured",
        parse=TrustDomain.parse,
        failure="could not parse trust_domain {}",
    )
    data_dir: str = option(".", "Folder for what the agent keeps.")
    socket_path: str = option("/tmp/spire-agent/public/api.sock", "Socket of the Workload API.")  # noqa: S108
    trust_bundle_path: str = option("", "File with the first bundle.")
    trust_bundle_format: str = option(
        "pem",
        "Format of the first bundle: `pem` or `spiffe`.",
        parse=one_of(
            "pem", "spiffe", sentence='invalid value for trust_bundle_format, expected "pem" or "spiffe"'
        ),
    )
    insecure_bootstrap: bool = option(False, "Trusts whatever server answers first. Not for production.")
    join_token: str = option("", "Token for the node attestor `join_token`.")
    join_token_file: str = option("", "File that holds it.")
    allow_unauthenticated_verifiers: bool = option(False, "Gives bundles to callers without an entry.")
    allowed_foreign_jwt_claims: tuple[str, ...] = option(
        (), "Claims passed on from JWT-SVIDs of other trust domains.", shown="none"
    )
    workload_x509_svid_key_type: str = option(
        "ec-p256", "Key type of workloads: rsa-2048, ec-p256 or ec-p384.", parse=key_type(*KEY_TYPES)
    )
    x509_svid_cache_max_size: int = option(
        CACHE_SIZE,
        "X509-SVIDs kept beyond those in use; 0 is the default.",
        check=not_negative("x509_svid_cache_max_size should not be negative"),
    )
    jwt_svid_cache_max_size: int = option(
        CACHE_SIZE,
        "JWT-SVIDs kept; 0 is the default.",
        check=not_negative("jwt_svid_cache_max_size should not be negative"),
    )
    disable_workload_api: bool = option(False, "Does not serve the Workload API.")
    disable_sds_api: bool = option(
        False, "Does not serve Envoy's SDS.", status=subsumed("Envoy's SDS is not served yet")
    )
    sds: Sds = option(Sds(), "Names in Envoy's SDS.", status=SDS)
    admin_socket_path: str = option("", "Socket of the admin API.", status=ADMIN_API)
    authorized_delegates: tuple[SpiffeId, ...] = option(
        (),
        "IDs that may ask on behalf of other workloads.",
        parse=SpiffeId.parse,
        failure="error validating authorized delegate",
        status=refused("the Delegated Identity API is not served yet"),
    )
    availability_target: timedelta | None = option(
        None,
        "How long X.509-SVIDs, the agent's own too, must last without the server; of those that live 12 h longer.",
        failure="unable to parse availability_target",
        check=check_availability,
    )
    log_selectors: tuple[str, ...] = option(
        (),
        'Selectors that are logged when a workload gets no identity: by kind, as "unix" or "unix:uid".',
        shown="none",
    )
    rebootstrap_mode: str = option(
        "never",
        "`never`, `auto` or `always`: what to do when the server's chain is unknown.",
        parse=one_of("never", "auto", "always", sentence="unknown rebootstrap mode specified: {}"),
    )
    rebootstrap_delay: timedelta = option(
        timedelta(minutes=10),
        "How long it must be unknown.",
        failure="error parsing rebootstrap delay duration",
    )
    trust_bundle_url: str = option(
        "", "Where the first bundle is fetched: https, the server known to this machine's CAs; no redirects."
    )
    trust_bundle_unix_socket: str = option("", "Socket of a service that answers it; the URL is http then.")
    trust_bundle_spiffe_workload_api: str = option(
        "",
        "Workload API of another agent to take it from: `unix:///PATH`.",
        parse=check_workload_api,
    )
    experimental: AgentExperimental = option(AgentExperimental(), "May change between minor versions.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFile:
    """The whole file."""

    plugins: Object = required('`TYPE "name" { .. }` each.', "plugins section must be configured")
    agent: AgentOptions = required("The agent itself.", "server_address must be configured")
    health_checks: HealthChecks = option(HealthChecks(), "Listener for probes.", section="health check")
    telemetry: Telemetry = option(Telemetry(), "Metrics.")


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """What `run` starts with. `notes` are for the log at INFO and do not stop the start. `places`: where each option
    is set, by its path."""

    agent: AgentOptions
    plugins: tuple[PluginConfig, ...]
    health_checks: HealthChecks
    notes: tuple[str, ...]
    telemetry: Telemetry = field(default_factory=Telemetry)
    places: Mapping[str, Position] = field(default_factory=dict, compare=False, repr=False)

    @property
    def sections(self) -> Mapping[str, object]:
        """The options by section, as they stand in the file."""
        return {"agent": self.agent, "health_checks": self.health_checks, "telemetry": self.telemetry}

    @property
    def x509_svid_cache_max_size(self) -> int:
        return self.agent.x509_svid_cache_max_size or CACHE_SIZE

    @property
    def jwt_svid_cache_max_size(self) -> int:
        return self.agent.jwt_svid_cache_max_size or CACHE_SIZE

    @property
    def availability_target(self) -> float:
        """Seconds; 0: not set."""
        target = self.agent.availability_target
        return target.total_seconds() if target is not None else 0.0

    @property
    def renewal_share(self) -> float:
        """Of a certificate's life, how much passes before its renewal."""
        return self.agent.experimental.svid_renewal_percent / 100

    @property
    def sync_interval(self) -> float:
        """Seconds."""
        return self.agent.experimental.sync_interval.total_seconds()


def load_agent(
    text: str | bytes,
    source: str,
    overrides: Mapping[str, Override] | None = None,
    environment: Mapping[str, str] | None = None,
) -> AgentConfig:
    """`overrides` are keys of section `agent` that flags set; `environment` only with `-expandEnv`.

    Raises: ConfigError with every problem.
    """
    file, plugins, read = load(
        AgentFile, text, source, "agent", overrides or {}, environment, AGENT_PLUGINS, check
    )
    return AgentConfig(
        file.agent, plugins, file.health_checks, tuple(read.notes), file.telemetry, read.places
    )


def check(file: AgentFile, decoder: Decoder) -> None:
    """Which options were set is read from their places: a refused one has its default as value."""
    agent, is_set = file.agent, {path.removeprefix("agent.") for path in decoder.places}
    if not 0 < agent.server_port <= MAX_PORT:
        decoder.fail(f"server_port {agent.server_port} is not a port", "agent.server_port")
    check_bundle(agent, decoder)
    check_url(agent, decoder)
    if agent.insecure_bootstrap and agent.rebootstrap_mode != "never":
        text = "insecure_bootstrap option can not be used with rebootstrapping"
        decoder.fail(text, "agent.rebootstrap_mode", "agent.insecure_bootstrap")
    if {"join_token", "join_token_file"} <= is_set:
        both = "only one of join_token or join_token_file can be specified, not both"
        decoder.fail(both, "agent.join_token_file")
    check_telemetry(file.telemetry, decoder)


def check_bundle(agent: AgentOptions, decoder: Decoder) -> None:
    """Exactly one source of the first bundle."""
    insecure = agent.insecure_bootstrap
    values = (agent.trust_bundle_url, agent.trust_bundle_path, agent.trust_bundle_spiffe_workload_api)
    sources = [name for name, value in zip(BUNDLE_SOURCES, values, strict=True) if value]
    sources += ["insecure_bootstrap"] * insecure
    if agent.trust_bundle_unix_socket and not agent.trust_bundle_url:
        text = "if trust_bundle_unix_socket is specified, so must be trust_bundle_url"
        decoder.fail(text, "agent.trust_bundle_unix_socket")
    if not sources:
        decoder.fail(
            "trust_bundle_path, trust_bundle_url, or trust_bundle_spiffe_workload_api "
            "must be configured unless insecure_bootstrap is set",
        )
    if len(sources) > 1:
        first, second = ("insecure_bootstrap", sources[0]) if insecure else sources[:2]
        text = f"only one of {first} or {second} can be specified, not both"
        decoder.fail(text, f"agent.{second}", f"agent.{first}")


def check_url(agent: AgentOptions, decoder: Decoder) -> None:
    if not agent.trust_bundle_url:
        return
    try:
        url = urlsplit(agent.trust_bundle_url)
    except ValueError:
        decoder.fail("unable to parse trust bundle URL", "agent.trust_bundle_url")
        return
    if not agent.trust_bundle_unix_socket:
        if url.scheme != "https":
            decoder.fail("trust bundle URL must start with https://", "agent.trust_bundle_url")
        return
    if url.scheme != "http":
        text = "trust bundle URL must start with http:// when used with trust bundle unix socket"
        decoder.fail(text, "agent.trust_bundle_url")
    for prefix in ("spiffe-", "spire-"):
        if any(name.startswith(prefix) for name, _ in parse_qsl(url.query, keep_blank_values=True)):
            text = f"trust_bundle_url query params can not start with {prefix}"
            decoder.fail(text, "agent.trust_bundle_url")
