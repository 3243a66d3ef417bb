"""The agent as a program: a checked configuration in, an exit code out. The only place that names plugins.

SIGTERM and SIGINT end it with 0, SIGUSR2 opens the log file anew, SIGHUP reads its file again. It ends with 1 if it could not attest or
the server refuses it for good.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

from finial import SPIRE_VERSION
from finial.agent.agent import SERVICE, Agent, AgentSettings
from finial.agent.attestation import WorkloadAttestation
from finial.agent.bootstrap import FirstTrust
from finial.agent.connection import ServerAddress
from finial.agent.identity import AgentKeys
from finial.agent.rebootstrap import Mode
from finial.agent.reload import Running
from finial.agent.sign import SigningOptions
from finial.agent.start import Node, NodeMethod
from finial.agent.storage import Storage
from finial.agent.workload_api import WorkloadApiOptions
from finial.config.agent import AgentConfig, AgentOptions, WorkloadLimits
from finial.config.decode import decode
from finial.config.plugins import PluginConfig
from finial.config.sections import HealthChecks
from finial.config.telemetry import export_of
from finial.errors import FinialError, InvalidArgument
from finial.plugin.kinds import AgentNodeAttestor, KeyManager, KeyType, WorkloadAttestor
from finial.plugin.measured import MeasuredKeys
from finial.plugins.key import disk, memory
from finial.plugins.key.generation import generate
from finial.plugins.node.join_token.agent import JoinTokenAttestor
from finial.plugins.workload import launcher, unix
from finial.runtime import handover
from finial.runtime.clock import Clock, SystemClock
from finial.runtime.health import Checks, Endpoint
from finial.runtime.log import Logger, Output
from finial.runtime.metrics import Exporter
from finial.runtime.sockets import listen_tcp, raise_file_limit
from finial.runtime.tasks import Tasks, until_first

DATA_DIR_MODE = 0o750
Read = Callable[[], AgentConfig]


async def serve(config: AgentConfig, *, clock: Clock | None = None, read: Read | None = None) -> int:
    """Runs the agent until a signal ends it. `read`: its file as it is now, for SIGHUP, which is left to its
    default without it.

    Raises: InvalidArgument for what no start can work with.
    """
    clock = clock or SystemClock()
    options = config.agent
    output = Output.open(
        options.log_file,
        now=clock.now,
        level=options.log_level,
        format=options.log_format,
        source_location=options.log_source_location,
    )
    log = Logger(output)
    stopped = asyncio.Event()
    _on_signals(stopped, log)
    try:
        await run(config, clock, log, stopped, read)
    except FinialError as why:
        log.error("Agent crashed", error=why, **({"hint": why.hint} if why.hint else {}))
        return 1
    finally:
        output.close()
    return 0


async def run(
    config: AgentConfig, clock: Clock, log: Logger, stopped: asyncio.Event, read: Read | None = None
) -> None:
    """Until `stopped` is set. Raises: what makes the agent end by itself."""
    options = config.agent
    log.info("Starting agent", data_dir=options.data_dir, version=SPIRE_VERSION)
    for note in config.notes:
        log.info(note)
    raise_file_limit()
    _make_data_dir(options.data_dir)
    plugins = Plugins(config, log)
    agent = compose(config, plugins, clock, log)
    async with Tasks(lambda name, why: log.error("Task failed", task=name, error=why)) as tasks:
        if plugins.launcher is not None:
            tasks.start(plugins.launcher.run(), name="hand-over of services")
        if read is not None:
            reloads = Running(agent, config, log.output).reloader(read)
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloads.ask)
            tasks.start(reloads.run(), name="reload the configuration")
        health = await _start_health(config.health_checks, agent, tasks, clock, log)
        try:
            await until_first(stopped.wait(), agent.run())
        finally:
            if health is not None:
                await health.close()
            if plugins.launcher is not None:
                plugins.launcher.close()
    log.info("Agent stopped gracefully")


def compose(config: AgentConfig, plugins: Plugins, clock: Clock, log: Logger) -> Agent:
    """The agent that the configuration describes, not started."""
    options = config.agent
    exporter = Exporter(export_of(config.telemetry, SERVICE, options.trust_domain), clock, log)
    metrics = exporter.metrics
    server = ServerAddress(options.server_address, options.server_port, options.trust_domain)
    node = Node(
        server,
        Storage(Path(options.data_dir)),
        AgentKeys(MeasuredKeys(plugins.key_manager, metrics, "agent_key_manager", "get_keys")),
        plugins.node_method,
        first_trust(options),
        clock,
        log.subsystem("attestor"),
        metrics,
        rebootstrap=(Mode(options.rebootstrap_mode), options.rebootstrap_delay),
    )
    signing = SigningOptions(
        generate,
        random.uniform,
        KeyType(options.workload_x509_svid_key_type),
        config.availability_target,
        config.jwt_svid_cache_max_size,
        config.renewal_share,
        options.experimental.jwt_svid_cache_hit_timeout.total_seconds(),
    )
    settings = AgentSettings(
        server,
        Path(options.socket_path),
        signing,
        WorkloadApiOptions(
            options.allow_unauthenticated_verifiers,
            frozenset(options.allowed_foreign_jwt_claims),
            limits_of(options.experimental.ratelimit),
            options.log_selectors,
        ),
        serve_workload_api=not options.disable_workload_api,
        cache_size=config.x509_svid_cache_max_size,
        sync_interval=config.sync_interval,
        deep=plugins.launcher is not None,
    )
    attestation = WorkloadAttestation(plugins.workload_attestors, log.subsystem("workload_attestor"), metrics)
    return Agent(settings, node, attestation, clock, log, exporter)


def first_trust(options: AgentOptions) -> FirstTrust:
    """The source of the first bundle that is configured."""
    return FirstTrust(
        options.trust_bundle_path,
        options.trust_bundle_format,
        options.insecure_bootstrap,
        options.trust_bundle_url,
        options.trust_bundle_unix_socket,
        options.trust_bundle_spiffe_workload_api.removeprefix("unix:").removeprefix("//"),
    )


def limits_of(options: WorkloadLimits) -> dict[str, int]:
    """By the method's name in the Workload API."""
    return {
        "FetchX509SVID": options.fetch_x509_svid,
        "FetchJWTSVID": options.fetch_jwt_svid,
        "FetchX509Bundles": options.fetch_x509_bundles,
        "FetchJWTBundles": options.fetch_jwt_bundles,
    }


class Plugins:
    """The plugins of a configuration, which was checked to name known ones, and as many as are needed.

    Raises: ConfigError for options of a plugin; InvalidArgument for what it cannot work with.
    """

    def __init__(self, config: AgentConfig, log: Logger) -> None:
        self._log = log.subsystem("catalog")
        self.launcher: launcher.LauncherAttestor | None = None
        enabled = [one for one in config.plugins if one.enabled]
        (key_manager,) = (one for one in enabled if one.type == "KeyManager")
        self.key_manager = self._key_manager(key_manager)
        (node_attestor,) = (one for one in enabled if one.type == "NodeAttestor")
        self.node_method = NodeMethod(node_attestor.name, self._node_attestor(node_attestor, config.agent))
        self.workload_attestors: dict[str, WorkloadAttestor] = {
            one.name: self._workload_attestor(one) for one in enabled if one.type == "WorkloadAttestor"
        }
        for plugin in enabled:
            self._log.info("Plugin loaded", external=False, plugin_name=plugin.name, plugin_type=plugin.type)

    def _node_attestor(self, plugin: PluginConfig, options: AgentOptions) -> AgentNodeAttestor:
        """Imported when made: nobody pays for what is not configured.

        Without a token `join_token` says so when it is asked for a proof.
        """
        if plugin.name == "x509pop":
            from finial.plugins.node.x509pop import agent as x509pop

            return x509pop.X509PopAttestor(decode(plugin.read_data(), x509pop.Config))
        if plugin.name == "sshpop":
            from finial.plugins.node.sshpop import agent as sshpop

            return sshpop.SshPopAttestor(decode(plugin.read_data(), sshpop.Config))
        if plugin.name == "http_challenge":
            from finial.plugins.node.http_challenge import agent as http_challenge

            return http_challenge.HttpChallengeAttestor(decode(plugin.read_data(), http_challenge.Config))
        return JoinTokenAttestor(options.join_token or _read_token(options.join_token_file))

    def _key_manager(self, plugin: PluginConfig) -> KeyManager:
        if plugin.name == "disk":
            return disk.Disk(decode(plugin.read_data(), disk.AgentConfig))
        return memory.Memory(decode(plugin.read_data(), memory.Config))

    def _workload_attestor(self, plugin: PluginConfig) -> WorkloadAttestor:
        if plugin.name == "unix":
            return unix.UnixAttestor(decode(plugin.read_data(), unix.Config))
        decode(plugin.read_data(), launcher.Config)
        sock = handover.inherited(os.environ)
        if sock is None:
            raise InvalidArgument(
                f'plugin "launcher": {handover.FD_VARIABLE} is not set',
                hint="this attestor works where a launcher starts the agent, as `finial up` does",
            )
        self.launcher = launcher.LauncherAttestor(sock, self._log)
        return self.launcher


def _read_token(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except OSError as why:
        reason = f"open {path}: {(why.strerror or str(why)).lower()}"
        raise InvalidArgument(f'unable to read join token file "{path}": {reason}') from why


def _make_data_dir(path: str) -> None:
    try:
        os.makedirs(path, mode=DATA_DIR_MODE, exist_ok=True)
    except OSError as why:
        raise InvalidArgument(
            f'could not create data directory "{path}": {why.strerror}',
            hint="data_dir must be a folder that this user can write, or can be made one",
        ) from why


def _on_signals(stopped: asyncio.Event, log: Logger) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(signal.SIGUSR2, log.reopen)


async def _start_health(
    config: HealthChecks, agent: Agent, tasks: Tasks, clock: Clock, log: Logger
) -> Endpoint | None:
    if not config.listener_enabled:
        return None
    checks = Checks(clock, log.subsystem("health"))
    checks.add("agent", agent.check)
    endpoint = Endpoint(checks, live_path=config.live_path, ready_path=config.ready_path)
    try:
        port = int(config.bind_port)
    except ValueError as why:
        raise InvalidArgument(f'health_checks.bind_port "{config.bind_port}" is not a port') from why
    await endpoint.start(listen_tcp(config.bind_address, port))
    tasks.start(checks.run(), name="health checks")
    address = f"{config.bind_address}:{port}"
    log.subsystem("health").info("Serving health checks", address=address)
    return endpoint
