"""The agent at work: synchronise, sign, renew, serve; and what happens when the server knows it no more.

no identity -> attested -> in step with the server -> serving
denied: AGENT_BANNED -> identity removed, end
denied: expired, not active, not attested, must re-attest -> attested anew, or identity removed, end
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from finial import SPIRE_VERSION
from finial.agent.attestation import WorkloadAttestation
from finial.agent.connection import ServerAddress, ServerConnection, rpc_text
from finial.agent.contact import Contact
from finial.agent.endpoints import Endpoints, Health
from finial.agent.identity import AgentIdentity
from finial.agent.intake import Intake
from finial.agent.observe import Observer
from finial.agent.observed import observe_contact, observe_holdings, observe_lives, observe_trust
from finial.agent.renew import Renewal, reattest_hint
from finial.agent.sign import Signer, SigningOptions
from finial.agent.start import RETRY_INTERVAL, Node
from finial.agent.svids import Holdings, signed_under
from finial.agent.sync import Synchronizer
from finial.agent.watch import Watch
from finial.agent.workload_api import WorkloadApi, WorkloadApiOptions
from finial.errors import DeadlineExceeded, Denial, FinialError, PermissionDenied, Unavailable
from finial.runtime.clock import Clock
from finial.runtime.grpc import Servable
from finial.runtime.health import State
from finial.runtime.log import Logger
from finial.runtime.metrics import Exporter, Metrics
from finial.runtime.tasks import Tasks, until_first
from finial.spiffe.bundle import Bundle, BundleSet

SERVICE = "spire_agent"  # first part of the names of its metrics


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What the configuration decides."""

    server: ServerAddress
    socket_path: Path
    signing: SigningOptions
    workload_api: WorkloadApiOptions = field(default_factory=WorkloadApiOptions)
    serve_workload_api: bool = True
    cache_size: int = 1000
    sync_interval: float = 5.0
    deep: bool = False  # notice callers that exec their own program again
    draw: Callable[[float, float], float] = field(default=random.uniform)


class Agent:
    """Runs once. `node` proves who it is, `attestation` tells who its workloads are."""

    def __init__(
        self,
        settings: AgentSettings,
        node: Node,
        attestation: WorkloadAttestation,
        clock: Clock,
        log: Logger,
        exporter: Exporter,
    ) -> None:
        self.settings = settings
        self._exporter, self._metrics = exporter, exporter.metrics
        self._node = node
        self._attestation = attestation
        self._clock = clock
        self._log = log.subsystem("manager")
        self._root_log = log
        self._tasks = Tasks(self._task_failed)
        self._health = Health(settings.socket_path, log.subsystem("endpoints"))
        self.serving = False
        self._parts: _Parts | None = None

    def use(self, settings: AgentSettings) -> None:
        """Other times to renew and to poll, at work or before; all else in `settings` is as it was."""
        self.settings = settings
        if self._parts is not None:
            self._parts.use(settings)

    async def run(self) -> None:
        """Until cancelled. Raises: PermissionDenied when the server refuses this agent for good; what the
        start raises after a minute of trying."""
        identity, bundle = await self._node.obtain()
        parts = self._parts = _Parts(
            self.settings, self._node, identity, bundle, self._clock, self._log, self._tasks, self._metrics
        )
        try:
            await self._export(parts)
            await self._first_synchronisation(parts)
            await self._serve(parts)
        finally:
            await self._exporter.close()
            await self._tasks.close()
            await parts.connection.aclose()
            self._log.info("Cache manager stopped")

    async def _export(self, parts: _Parts) -> None:
        domain = str(self.settings.server.trust_domain)
        self._metrics.gauge("started", version=SPIRE_VERSION, trust_domain_id=domain).set(1)
        if self._exporter.readers is not None:
            parts.connection.tell(self._exporter.readers)
        observe_holdings(self._metrics, parts.holdings, parts.signer)
        observe_contact(self._metrics, parts.contact, self._clock)
        observe_lives(self._metrics, self._clock, lambda: parts.renewal.identity.svid, parts.holdings)
        observe_trust(self._metrics, self._node.rebootstrap)
        await self._exporter.start()
        self._tasks.start(self._metrics.run(), name="tell metrics")

    async def check(self) -> State:
        """For `/live` and `/ready`: whether the Workload API answers."""
        if not self.serving:
            details = {"make_new_x509_err": "workload api is unavailable"}
            return State(live=True, ready=False, started=False, ready_details=details)
        try:
            await self._health.fetch_bundles()
        except PermissionDenied:
            pass
        except FinialError as why:
            details = {"make_new_x509_err": why.message}
            return State(live=False, ready=False, live_details=details, ready_details=details)
        return State(live=True, ready=True, live_details={}, ready_details={})

    async def _first_synchronisation(self, parts: _Parts) -> None:
        self._tasks.start(self._post_status(parts.connection), name="post status")
        try:
            await self._node.retried(
                parts.synchronizer.synchronize, self._not_in_step, "Failed to initialize manager"
            )
            await self._node.rebootstrap.succeeded()
        except PermissionDenied as why:
            if why.reason is None:  # by a policy of the server, not about this agent
                raise
            banned = why.reason is Denial.AGENT_BANNED
            told = "Agent is banned" if banned else "Agent needs to re-attest"
            self._log.error(f"{told}: removing SVID and shutting down", error=why)
            await self._node.forget()
            if not banned:
                why.hint = why.hint or reattest_hint(parts.renewal.identity)
            raise

    async def _not_in_step(self, why: FinialError) -> None:
        """Raises: FailedPrecondition, SPIRE's words, when trust starts over."""
        await self._node.rebootstrap.call_failed(why, "Agent needs to rebootstrap. shutting down")

    async def _post_status(self, connection: ServerConnection) -> None:
        try:
            await connection.post_status(SPIRE_VERSION)
        except FinialError as why:
            self._log.error("Failed to post agent status", agent_version=SPIRE_VERSION, error=rpc_text(why))

    async def _serve(self, parts: _Parts) -> None:
        api = WorkloadApi(
            parts.holdings,
            parts.signer,
            self._attestation,
            self.settings.workload_api,
            self._clock,
            self._root_log.subsystem("endpoints").with_fields(service="WorkloadAPI"),
            self._metrics,
        )
        observer = Observer(
            self.settings.socket_path,
            parts.holdings,
            self._attestation,
            lambda: parts.renewal.identity.svid,
            lambda: parts.watch.position,
            parts.contact,
            self._clock,
        )
        handlers: list[Servable] = [observer, *([api] if self.settings.serve_workload_api else [])]
        log = self._root_log.subsystem("endpoints")
        endpoints = Endpoints(self.settings.socket_path, handlers, self._tasks, self._metrics, log)
        endpoints.start(deep=self.settings.deep)
        self.serving = True
        try:
            while True:
                try:
                    await until_first(
                        parts.synchronizer.run(), parts.signer.run(), parts.renewal.run(parts.bundle)
                    )
                except PermissionDenied as why:
                    await self._denied(parts, why)
        finally:
            self.serving = False
            await endpoints.close()

    async def _denied(self, parts: _Parts, why: PermissionDenied) -> None:
        """Attested anew, or the end of this agent. Raises: PermissionDenied."""
        if why.reason is Denial.AGENT_BANNED:
            self._log.warning("Agent is banned: removing SVID and shutting down", error=why)
            await self._node.forget()
            raise why
        self._log.warning("Agent needs to re-attest; will attempt to re-attest", error=why)
        try:
            await parts.renewal.attest_anew()
        except (Unavailable, DeadlineExceeded) as failure:
            self._log.warning("Server is away; re-attestation is tried again", error=failure)
            await self._node.rebootstrap.call_failed(failure)
            await self._clock.sleep(RETRY_INTERVAL)
        except FinialError as failure:
            self._log.error("Agent failed re-attestation; removing SVID and shutting down", error=failure)
            await self._node.forget()
            why.hint = failure.hint or reattest_hint(parts.renewal.identity)
            raise why from failure

    def _task_failed(self, name: str, error: BaseException) -> None:
        self._log.error("Task failed", task=name, error=error)


class _Parts:
    """What works together from the moment on that there is an identity."""

    def __init__(
        self,
        settings: AgentSettings,
        node: Node,
        identity: AgentIdentity,
        bundle: Bundle,
        clock: Clock,
        log: Logger,
        tasks: Tasks,
        metrics: Metrics,
    ) -> None:
        self._node, self._clock, self._tasks = node, clock, tasks
        draw = settings.draw
        self.holdings = Holdings(bundle, cache_size=settings.cache_size)
        self.connection = ServerConnection(settings.server, bundle, identity)
        self.contact = Contact(clock)
        self.signer = Signer(
            self.connection, self.holdings, settings.signing, clock, log, metrics, self.contact
        )
        self.intake = Intake(
            self.holdings, self.connection, self.signer, self._on_bundle, clock, log, metrics
        )
        self.watch = Watch(self.connection, self.intake, self.signer, self.contact, log)
        self.synchronizer = Synchronizer(
            self.connection,
            self.intake,
            self.watch,
            clock,
            draw,
            log,
            node.rebootstrap,
            self.contact,
            metrics,
            interval=settings.sync_interval,
        )
        self.renewal = Renewal(
            identity,
            self.connection,
            node.keys,
            self.reattest,
            node.store,
            clock,
            draw,
            log,
            metrics,
            availability_target=settings.signing.availability_target,
            renewal_share=settings.signing.renewal_share,
        )

    def use(self, settings: AgentSettings) -> None:
        signing = settings.signing
        self.signer.use(signing)
        self.renewal.plan(signing.availability_target, signing.renewal_share)
        self.synchronizer.interval = settings.sync_interval

    def bundle(self) -> Bundle:
        return self.holdings.bundle

    async def reattest(self) -> AgentIdentity:
        identity, _ = await self._node.attest(self.bundle(), self.renewal.identity)
        return identity

    def _on_bundle(self, bundle: Bundle, tainted: bool) -> None:
        self._tasks.start(self._node.keep_bundle(bundle), name="store bundle")
        if not tainted:
            return
        roots = tuple(one for one in bundle.x509_authorities if one.tainted)
        suspects = BundleSet.of(Bundle(bundle.trust_domain, roots))
        if signed_under(self.renewal.identity.svid, suspects, self._clock.now()):
            self.renewal.taint()
