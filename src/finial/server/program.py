"""One server in one event loop: the parts in the order of their start, and the way back.

Order of a start, SPIRE 1.15's: log, database, plugins, authorities, index, endpoints. A start that fails
leaves nothing open; a stop lets calls end, then lets go of everything in the opposite order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from finial import SPIRE_VERSION, __version__
from finial.authority.compose import Composition
from finial.config.server import ServerConfig
from finial.config.telemetry import export_of
from finial.errors import InvalidArgument
from finial.plugin import catalog
from finial.plugin.catalog import Catalog
from finial.plugin.kinds import KeyManager, ServerNodeAttestor
from finial.plugin.measured import MeasuredKeys
from finial.runtime.clock import Clock, SystemClock
from finial.runtime.grpc import Servable
from finial.runtime.health import Checks, Endpoint
from finial.runtime.log import Logger, Output
from finial.runtime.metrics import Exporter
from finial.runtime.sockets import listen_tcp
from finial.runtime.tasks import Tasks
from finial.server.adoption import Adoption
from finial.server.api.agent import AgentService
from finial.server.api.audited import CallAudit
from finial.server.api.backend import Backend
from finial.server.api.bundle import BundleService
from finial.server.api.change import ChangeService
from finial.server.api.debug import DebugService
from finial.server.api.entry import EntryService
from finial.server.api.gate import Gate
from finial.server.api.health import HealthService
from finial.server.api.localauthority import LocalAuthorityService
from finial.server.api.logger import LoggerService
from finial.server.api.status import StatusService
from finial.server.api.svid import SvidService
from finial.server.api.unserved import Unserved
from finial.server.arrival import Arrivals
from finial.server.attest import Attestor, Host
from finial.server.audit import AuthorityAudit, open_audit
from finial.server.certify import Upstream
from finial.server.database import open_store, remember
from finial.server.endpoints import Endpoints
from finial.server.follow import Follower
from finial.server.health import add_checks
from finial.server.identity import ServerIdentity
from finial.server.marks import Marks
from finial.server.observed import observe_agents, observe_connections, observe_credentials, observe_index
from finial.server.prune import Pruner
from finial.server.recent import RecentChanges
from finial.server.rotate import Authorities
from finial.server.settings import agent_pruning, lifted_limits, policy_of
from finial.server.sign import Signer
from finial.server.verify_index import IndexVerifier
from finial.server.watch import Watchers
from finial.wire.pb.spire.api.server.trustdomain.v1.trustdomain_grpc import TrustDomainBase

SERVICE = "spire_server"  # first part of the names of its metrics
ELSEWHERE = ("DataStore",)  # kinds of plugin that are no entry of the catalog
Kinds = Callable[[Host], Sequence[catalog.Kind]]


class Server:
    """`start`, then `stop`. `kinds`: the plugins it knows. `port` is the one that was bound; `failed` ends when a
    task of its own did. `local`: services for the private socket alone, more than its own, named before `start`."""

    def __init__(
        self, config: ServerConfig, output: Output, kinds: Kinds, clock: Clock | None = None
    ) -> None:
        self.config, self.output, self._kinds = config, output, kinds
        self._clock = clock or SystemClock()
        self._log = Logger(output)
        self._stack = AsyncExitStack()
        self.tasks = Tasks(self._task_failed)
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.port = 0
        self.local: list[Servable] = []

    @property
    def socket_path(self) -> Path:
        return Path(self.config.server.socket_path)

    async def start(self) -> None:
        """Raises: a FinialError that says what cannot be used; nothing is left open then."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        options = self.config.server
        await asyncio.to_thread(make_data_dir, options.data_dir)
        self._log_configured()
        exporter = self._begin_metrics()
        self.audit = await open_audit(options, self._clock, self._log, self.metrics, self._stack)
        self.store = await open_store(self.config, self._clock, self.metrics, self._log, self._stack)
        plugins = self._load_plugins()
        policy = policy_of(self.config, Composition(plugins.all("CredentialComposer")))
        self.signer = Signer(policy, self._clock, self.metrics, jwt_enabled=not options.disable_jwt_svids)
        self._stack.callback(self.signer.close)
        upstream = Upstream.of(plugins.all("UpstreamAuthority"))
        await self._begin_authorities(plugins.only("KeyManager"), upstream)
        await self._begin_index()
        self.identity = ServerIdentity(
            self.signer,
            self.follower,
            self._clock,
            self._log,
            self.metrics,
            options.admin_ids,
            AuthorityAudit(self.audit),
        )
        await self.identity.begin()
        self._serve(plugins.all("NodeAttestor"))
        await self._start_health()
        await self._start_export(exporter)
        self._start_tasks()

    def _log_configured(self) -> None:
        for note in self.config.notes:
            self._log.info(note)
        for warning in self.config.warnings:
            self._log.warning(warning)
        self._log.info(
            "Configured",
            admin_ids=[str(one) for one in self.config.server.admin_ids],
            data_dir=self.config.server.data_dir,
            launch_log_level=str(self.output.launch_level),
            version=__version__,
        )

    def _begin_metrics(self) -> Exporter:
        domain = self.config.server.trust_domain
        export = export_of(self.config.telemetry, SERVICE, domain)
        exporter = Exporter(export, self._clock, self._log)
        self.metrics = exporter.metrics
        self.metrics.gauge("started", version=SPIRE_VERSION, trust_domain_id=str(domain)).set(1)
        self._stack.push_async_callback(exporter.close)
        return exporter

    async def _start_export(self, exporter: Exporter) -> None:
        if exporter.readers is not None:
            self.identity.tell(exporter.readers)
        await exporter.start()
        self.tasks.start(self.metrics.run(), name="tell metrics")

    def _load_plugins(self) -> Catalog:
        log = self._log.subsystem("catalog")
        host = Host(self.config.server.trust_domain, self.store, self._clock)
        loaded = catalog.load(self.config.plugins, self._kinds(host), log, elsewhere=ELSEWHERE)
        self._stack.callback(loaded.log_unloaded, log)
        return loaded

    async def _begin_authorities(self, keys: KeyManager, upstream: Upstream | None) -> None:
        self.authorities = Authorities(
            self.store,
            MeasuredKeys(keys, self.metrics, "server_key_manager", "get_public_keys"),
            self.signer,
            self._clock,
            self._log,
            self.metrics,
            jwt_enabled=not self.config.server.disable_jwt_svids,
            upstream=upstream,
            audit=AuthorityAudit(self.audit),
        )
        await self.authorities.begin()

    async def _begin_index(self) -> None:
        log = self._log.subsystem("endpoints")
        log.info("Building in-memory entry cache")
        snapshot = await self.store.load()
        domain = self.config.server.trust_domain
        self.follower = Follower(domain, self.store, snapshot, self._clock, log, self.metrics)
        log.info("Completed building in-memory entry cache")

    def _serve(self, attestors: Mapping[str, ServerNodeAttestor]) -> None:
        options = self.config.server
        marks = Marks(self._clock, lambda: self.follower.position)
        follower = self.follower
        follower.subscribe(
            lambda applied: marks.forget(one for one in applied.agents if one not in follower.index.agents)
        )
        backend = self.backend = Backend(
            options.trust_domain, self.store, self.follower, self.signer, self._clock, marks
        )
        watchers = Watchers(self.follower, self._clock, self.tasks, self.metrics)
        arrivals = Arrivals(self.follower, watchers, marks, self._clock)
        recent = RecentChanges(self.follower, watchers, arrivals, marks, self._clock)
        gate = self.gate = self._gate(recent)
        self.authorities.follow(arrivals.everywhere, self.follower.position)
        attestor = Attestor(
            self.store,
            self.signer,
            attestors,
            self.metrics,
            id_as_selector=options.experimental.agent_spiffe_id_as_selector,
        )
        shared: list[Servable] = [
            AgentService(backend, attestor),
            BundleService(backend),
            EntryService(backend),
            SvidService(backend, gate),
            ChangeService(backend, gate, watchers, arrivals),
            StatusService(backend, watchers, arrivals, recent),
            LocalAuthorityService(backend, self.authorities),
            Unserved(TrustDomainBase),
        ]
        local = [
            *self.local,
            LoggerService(self.output),
            HealthService(backend),
            DebugService(backend, self._chain),
        ]
        self._log.info("Logger service configured", launch_log_level=str(self.output.launch_level))
        proxies = options.proxy_protocol_trusted_cidrs
        endpoints = Endpoints(shared, local, gate.intercept, self._log, trusted_proxies=proxies)
        self._stack.push_async_callback(self.tasks.close)
        self.port = endpoints.start(
            options.bind_address, options.bind_port, self.socket_path, self.identity.context
        )
        self._stack.push_async_callback(endpoints.stop)
        observe_index(self.metrics, self.follower, self._clock)
        observe_agents(self.metrics, watchers, Adoption(arrivals, self.authorities, self._clock))
        observe_connections(self.metrics, endpoints)
        observe_credentials(self.metrics, self._clock, self.signer, self.authorities, self.identity)

    def _gate(self, recent: RecentChanges) -> Gate:
        options = self.config.server
        return Gate(
            self.store,
            self.follower,
            self._clock,
            self._log.subsystem("api"),
            self.metrics,
            admin_ids=options.admin_ids,
            audit=options.audit_log_enabled,
            lifted=lifted_limits(options),
            recent=recent,
            stream=CallAudit.of(self.audit, self._clock, options.audit),
        )

    def _chain(self) -> tuple[bytes, ...]:
        """The server's SVID up to its CA, for Debug."""
        chain = self.identity.svid.chain
        return chain if len(chain) > 1 else (*chain, self.signer.issuer.ca.certificate)

    async def _start_health(self) -> None:
        options = self.config.health_checks
        if not options.listener_enabled:
            return
        log = self._log.subsystem("health")
        checks = Checks(self._clock, log)
        add_checks(checks, self.backend)
        endpoint = Endpoint(checks, live_path=options.live_path, ready_path=options.ready_path)
        await endpoint.start(listen_tcp(options.bind_address, int(options.bind_port)))
        self._stack.push_async_callback(endpoint.close)
        self.tasks.start(checks.run(), name="health checks")
        log.info("Serving health checks", address=f"{options.bind_address}:{options.bind_port}")

    def _start_tasks(self) -> None:
        pruner = Pruner(self.store, self.follower, self._clock, self._log, self.metrics)
        start = self.tasks.start
        if self.audit is not None:
            start(self.audit.run(), name="write the audit log")
        start(self.follower.run(), name="follow the change log")
        start(self.authorities.run(), name="rotate authorities")
        start(self.identity.run(), name="rotate the server's SVID")
        start(pruner.entries(), name="prune entries")
        start(pruner.bundle(), name="prune the bundle")
        start(pruner.journals(), name="prune CA journals")
        start(pruner.agents(lambda: agent_pruning(self.config.server)), name="prune agents")
        start(
            pruner.events(self.config.server.experimental.prune_events_older_than),
            name="prune SPIRE's events",
        )
        start(pruner.changes(), name="trim the change log")
        verifier = IndexVerifier(self.store, self.follower, self._clock, self._log.subsystem("endpoints"))
        start(verifier.run(), name="verify the index")
        start(remember(self.store, self.follower, self._clock, self._log), name="remember the history")

    def _task_failed(self, name: str, error: BaseException) -> None:
        """A task of ours that ends with an error is a bug: the server stops rather than limp."""
        self._log.error("Task failed", task=name, error=f"{type(error).__name__}: {error}")
        if not self.failed.done():
            self.failed.set_exception(error)

    async def stop(self) -> None:
        """Lets calls end. Called twice, the second does nothing."""
        self.failed.cancel()
        await self._stack.aclose()


def make_data_dir(path: str) -> None:
    """Unless it is there. Raises: InvalidArgument."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as why:
        raise InvalidArgument(
            f'could not create data directory "{path}": {why.strerror}',
            hint="data_dir must be a folder that this user can write, or can be made one",
        ) from why
