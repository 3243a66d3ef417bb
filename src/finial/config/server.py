"""The server's file: every option SPIRE 1.15 knows, what it is here, and the checks across options."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from finial.authority.ttl import Lifetimes, Misfit
from finial.config.audit import Audit
from finial.config.builtin import SERVER_PLUGINS
from finial.config.checks import MAX_PORT, feature_flags, key_type, positive
from finial.config.decode import Decoder
from finial.config.federation import Federation
from finial.config.load import Override, load
from finial.config.options import one_of, option, refused, required, subsumed
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

KEY_TYPES = ("rsa-2048", "rsa-4096", "ec-p256", "ec-p384")
FOLLOWS_COMMITS = subsumed("the index follows every committed change")
FEDERATION = refused("bundles are neither served to nor fetched from other trust domains yet")
WARN, REFUSE = "warn", "refuse"


def parse_network(text: str) -> str:
    """Raises: InvalidArgument in Go's words."""
    try:
        if "/" not in text:
            raise ValueError(text)
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise InvalidArgument(f"invalid CIDR address: {text}") from None
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class CaSubject:
    country: tuple[str, ...] = option((), "Countries of the CA certificate's subject.")
    organization: tuple[str, ...] = option((), "Its organizations.")
    common_name: str = option("", "Its common name.")


DEFAULT_CA_SUBJECT = CaSubject(country=("US",), organization=("SPIFFE",))


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    attestation: bool = option(True, "One attestation a second for each address.")
    signing: bool = option(True, "500 signatures a second for each address and kind of SVID.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerExperimental:
    agent_spiffe_id_as_selector: bool = option(
        False, "An agent's own ID is a selector of it, `spiffe_id`, from its next attestation on."
    )
    auth_opa_policy_engine: Object | None = option(
        None,
        "Authorization by a Rego policy.",
        status=refused("authorization is SPIRE's default policy, fixed"),
    )
    cache_reload_interval: timedelta = option(
        timedelta(seconds=5),
        "How often the entry cache is reloaded.",
        status=FOLLOWS_COMMITS,
        failure="could not parse cache reload interval",
    )
    full_cache_reload_interval: timedelta = option(
        timedelta(hours=24),
        "How often it is rebuilt in full.",
        status=FOLLOWS_COMMITS,
        failure="could not parse full cache reload interval",
    )
    events_based_cache: bool = option(False, "Reloads by events.", status=FOLLOWS_COMMITS)
    event_timeout: timedelta = option(
        timedelta(minutes=15),
        "How long a missing event is waited for.",
        status=FOLLOWS_COMMITS,
        failure="could not parse event timeout interval",
    )
    sql_transaction_timeout: timedelta = option(
        timedelta(minutes=15),
        "Old name of `event_timeout`.",
        status=FOLLOWS_COMMITS,
        failure="could not parse SQL transaction timeout interval",
    )
    prune_events_older_than: timedelta = option(
        timedelta(hours=12),
        "Age at which rows of SPIRE's event tables are deleted.",
        failure="could not parse prune events interval",
        check=positive("prune_events_older_than"),
    )
    require_pq_kem: bool = option(False, "Refuses peers without post-quantum key exchange.", status=PQ_KEM)
    wit_key_type: str = option("", "Key type of WIT authorities.", status=WIT)
    wit_issuer: str = option("", "Issuer of WIT-SVIDs.", status=WIT)
    feature_flags: tuple[str, ...] = option((), "Features in development.", status=WIT, check=feature_flags)
    named_pipe_name: str = option("", "Named pipe of the API.", status=WINDOWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions(ProcessOptions):
    """Section `server`."""

    trust_domain: TrustDomain = required(
        "Trust domain of this server.",
        "trust_domain must be configured",
        parse=TrustDomain.parse,
        failure="could not parse trust_domain {}",
    )
    data_dir: str = required("Folder for what the server keeps.", "data_dir must be configured")
    bind_address: str = option("0.0.0.0", "Address of the API for agents.")  # noqa: S104  SPIRE's default
    bind_port: int = option(8081, "Its port; 0 takes a free one.")
    socket_path: str = option("/tmp/spire-server/private/api.sock", "Socket of the local API.")  # noqa: S108
    admin_ids: tuple[SpiffeId, ...] = option(
        (),
        "IDs whose holders may call every method; of any trust domain.",
        parse=SpiffeId.parse,
        failure="could not parse admin ID {}",
        shown="none",
    )
    audit_log_enabled: bool = option(False, "Logs each call with who, what and how it ended.")
    audit: Audit | None = option(None, "An audit log whose changes show. SPIRE has no such block.")
    ca_ttl: timedelta = option(
        timedelta(hours=24),
        "Lifetime of a CA certificate.",
        failure="could not parse default CA ttl {}",
        check=positive("ca_ttl"),
    )
    ca_key_type: str = option(
        "ec-p256",
        "Key type of X.509 authorities: rsa-2048, rsa-4096, ec-p256 or ec-p384.",
        parse=key_type(*KEY_TYPES),
        failure="error parsing ca_key_type",
    )
    jwt_key_type: str = option(
        "",
        "Key type of JWT authorities.",
        parse=key_type(*KEY_TYPES),
        failure="error parsing jwt_key_type",
        shown="as ca_key_type",
    )
    ca_subject: CaSubject | None = option(
        None, "Subject of CA certificates.", shown='country = ["US"], organization = ["SPIFFE"]'
    )
    default_x509_svid_ttl: timedelta = option(
        timedelta(hours=1),
        "Lifetime of an X509-SVID whose entry names none.",
        failure="could not parse default X509 SVID ttl {}",
        check=positive("default_x509_svid_ttl"),
    )
    default_jwt_svid_ttl: timedelta = option(
        timedelta(minutes=5),
        "Lifetime of a JWT-SVID whose entry names none.",
        failure="could not parse default JWT SVID ttl {}",
        check=positive("default_jwt_svid_ttl"),
    )
    agent_ttl: timedelta | None = option(
        None,
        "Lifetime of an agent's SVID.",
        failure="could not parse agent ttl {}",
        check=positive("agent_ttl"),
        shown="as default_x509_svid_ttl",
    )
    unfit_ttl: str = option(
        WARN,
        "A lifetime that the CA's may cut short, here or of an entry: `warn`, or `refuse`. SPIRE has no such option.",
        parse=one_of(WARN, REFUSE, sentence='"{}" is unknown; must be one of [warn, refuse]'),
        failure="error parsing unfit_ttl",
    )
    jwt_issuer: str = option("", "Issuer claim of JWT-SVIDs.", shown="no claim")
    disable_jwt_svids: bool = option(False, "Neither signs nor publishes anything of JWT.")
    ratelimit: RateLimit = option(RateLimit(), "Limits by address of the caller.")
    federation: Federation | None = option(None, "Exchange of bundles.", status=FEDERATION)
    max_attested_node_info_staleness: timedelta = option(
        timedelta(),
        "How old a known agent's state may be.",
        status=FOLLOWS_COMMITS,
        failure="could not parse max attested node staleness {}",
    )
    prune_attested_nodes_expired_for: timedelta | None = option(
        None,
        "Deletes agents expired for so long, about once an hour; never banned ones.",
        failure="could not parse prune_attested_nodes_expired_for",
        check=positive("prune_attested_nodes_expired_for"),
    )
    prune_attested_nodes_batch_size: int = option(0, "At most so many at a time; 0: 1000.")
    prune_tofu_nodes: bool = option(False, "Also those that cannot attest again.")
    proxy_protocol_trusted_cidrs: tuple[str, ...] = option(
        (),
        "Networks of proxies that are believed who is behind them, by the PROXY protocol, version 1 or 2.",
        parse=parse_network,
        failure="invalid proxy_protocol_trusted_cidrs value {}",
        shown="none",
    )
    experimental: ServerExperimental = option(ServerExperimental(), "May change between minor versions.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFile:
    """The whole file."""

    server: ServerOptions = required("The server itself.", "trust_domain must be configured")
    plugins: Object = required('`TYPE "name" { .. }` each.', "plugins section must be configured")
    health_checks: HealthChecks = option(HealthChecks(), "Listener for probes.", section="health check")
    telemetry: Telemetry = option(Telemetry(), "Metrics.")


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """What `run` starts with. Three options of `server` follow others if unset: read them here.

    `notes` are for the log at INFO, `warnings` for WARN; neither stops the start. `places`: where each option is set, by its path.
    """

    server: ServerOptions
    plugins: tuple[PluginConfig, ...]
    health_checks: HealthChecks
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    telemetry: Telemetry = field(default_factory=Telemetry)
    places: Mapping[str, Position] = field(default_factory=dict, compare=False, repr=False)

    @property
    def sections(self) -> Mapping[str, object]:
        """The options by section, as they stand in the file."""
        return {"server": self.server, "health_checks": self.health_checks, "telemetry": self.telemetry}

    @property
    def agent_ttl(self) -> timedelta:
        return self.server.agent_ttl or self.server.default_x509_svid_ttl

    @property
    def jwt_key_type(self) -> str:
        return self.server.jwt_key_type or self.server.ca_key_type

    @property
    def ca_subject(self) -> CaSubject:
        return self.server.ca_subject or DEFAULT_CA_SUBJECT


def load_server(
    text: str | bytes,
    source: str,
    overrides: Mapping[str, Override] | None = None,
    environment: Mapping[str, str] | None = None,
) -> ServerConfig:
    """`overrides` are keys of section `server` that flags set; `environment` only with `-expandEnv`.

    Raises: ConfigError with every problem.
    """
    file, plugins, read = load(
        ServerFile, text, source, "server", overrides or {}, environment, SERVER_PLUGINS, check
    )
    return ServerConfig(
        with_ca_subject(file.server),
        plugins,
        file.health_checks,
        tuple(read.notes),
        tuple(warnings(file.server)),
        file.telemetry,
        read.places,
    )


def with_ca_subject(server: ServerOptions) -> ServerOptions:
    """An empty subject is as if there were none: RFC 5280 wants an issuer's name."""
    return replace(server, ca_subject=None) if server.ca_subject == CaSubject() else server


def check(file: ServerFile, decoder: Decoder) -> None:
    server = file.server
    if not 0 <= server.bind_port <= MAX_PORT:
        address = f"{server.bind_address}:{server.bind_port}"
        text = f'could not resolve bind address "{address}": address {server.bind_port}: invalid port'
        decoder.fail(text, "server.bind_port")
    old, new = "server.experimental.sql_transaction_timeout", "server.experimental.event_timeout"
    if {old, new} <= decoder.places.keys():
        text = "both experimental sql_transaction_timeout and event_timeout set, only set event_timeout"
        decoder.fail(text, old)
    if server.unfit_ttl == REFUSE:
        for one in misfits(server):
            decoder.fail(one.refusal(), f"server.{one.name}", "server.ca_ttl")
    check_telemetry(file.telemetry, decoder)


def warnings(server: ServerOptions) -> Iterator[str]:
    if server.ca_subject == CaSubject():
        yield "ca_subject configurable is set but empty; the default will be used"
    if server.unfit_ttl == WARN:
        yield from (one.warning() for one in misfits(server))


def misfits(server: ServerOptions) -> tuple[Misfit, ...]:
    """Lifetimes of SVIDs that the CA's may cut short."""
    svids = {
        "default_x509_svid_ttl": server.default_x509_svid_ttl,
        "default_jwt_svid_ttl": server.default_jwt_svid_ttl,
        "agent_ttl": server.agent_ttl or timedelta(),
    }
    return Lifetimes(
        server.ca_ttl.total_seconds(), {name: ttl.total_seconds() for name, ttl in svids.items()}
    ).misfits()
