"""The composition root: configuration in, a running server out. The only module that names plugins."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from finial.config.plugins import PluginConfig, decode_options
from finial.config.server import ServerConfig
from finial.errors import FinialError
from finial.plugin import catalog
from finial.plugin.kinds import (
    CredentialComposer,
    KeyManager,
    ServerHost,
    ServerNodeAttestor,
    UpstreamAuthority,
)
from finial.registry.join_token import JoinToken
from finial.runtime import collector
from finial.runtime.clock import SystemClock
from finial.runtime.log import Level, Logger, Output
from finial.runtime.sockets import raise_file_limit
from finial.server.api.configuration import ConfigurationService
from finial.server.program import ELSEWHERE, Server
from finial.server.reload import reloader
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain

UMASK = 0o027
Ready = Callable[[Server], None]
Read = Callable[[], ServerConfig]


def kinds(host: ServerHost) -> list[catalog.Kind]:
    """The plugins of this server. Imported when they are made: nobody pays for what is not configured."""

    def memory(_: PluginConfig) -> KeyManager:
        from finial.plugins.key.memory import Memory

        return Memory()

    def disk(block: PluginConfig) -> KeyManager:
        from finial.plugins.key.disk import Config, Disk

        return Disk(decode_options(block, Config))

    def join_token(block: PluginConfig) -> ServerNodeAttestor:
        from finial.plugins.node.join_token.server import Config, JoinToken

        decode_options(block, Config)
        return JoinToken(host)

    def x509pop(block: PluginConfig) -> ServerNodeAttestor:
        from finial.plugins.node.x509pop.server import Config, X509Pop

        return X509Pop(decode_options(block, Config), host)

    def sshpop(block: PluginConfig) -> ServerNodeAttestor:
        from finial.plugins.node.sshpop.server import Config, SshPop

        return SshPop(decode_options(block, Config), host)

    def http_challenge(block: PluginConfig) -> ServerNodeAttestor:
        from finial.plugins.node.http_challenge.server import Config, HttpChallenge

        return HttpChallenge(decode_options(block, Config), host)

    def uniqueid(block: PluginConfig) -> CredentialComposer:
        from finial.plugins.compose.uniqueid import Config, UniqueId

        decode_options(block, Config)
        return UniqueId()

    def upstream_disk(block: PluginConfig) -> UpstreamAuthority:
        from finial.plugins.upstream.disk import Config, Disk

        return Disk(decode_options(block, Config), host)

    node_attestors = {
        "join_token": join_token,
        "x509pop": x509pop,
        "sshpop": sshpop,
        "http_challenge": http_challenge,
    }
    return [
        catalog.Kind("KeyManager", 1, 1, {"memory": memory, "disk": disk}),
        catalog.Kind("NodeAttestor", 0, None, node_attestors),
        catalog.Kind("UpstreamAuthority", 0, 1, {"disk": upstream_disk}),
        catalog.Kind("CredentialComposer", 0, None, {"uniqueid": uniqueid}),
        catalog.Kind("Notifier", 0, None, {}),
        catalog.Kind("BundlePublisher", 0, None, {}),
    ]


@dataclass(frozen=True, slots=True)
class NoServer:
    """The host of plugins that are made to be checked and never used."""

    trust_domain: TrustDomain

    def now(self) -> float:
        return SystemClock().unix()

    def caller_address(self) -> str:
        return ""

    async def take_join_token(self, value: str) -> JoinToken | None:
        return None

    async def is_attested(self, agent_id: SpiffeId) -> bool:
        return False

    async def x509_roots(self) -> tuple[bytes, ...]:
        return ()


def check_plugins(config: ServerConfig) -> None:
    """What `validate` does beyond reading the file: every plugin is made, none is used.

    Raises: ConfigError, InvalidArgument.
    """
    silent = Logger(Output(io.StringIO(), now=SystemClock().now, level=Level.PANIC))
    catalog.load(config.plugins, kinds(NoServer(config.server.trust_domain)), silent, elsewhere=ELSEWHERE)


async def serve(config: ServerConfig, ready: Ready | None = None, read: Read | None = None) -> int:
    """The program, in the caller's loop, until SIGTERM or SIGINT: 0 after a graceful stop, 1 if it failed.

    `read`: its file as it is now, for SIGHUP, which is left to its default without it, and for commands.
    """
    options = config.server
    output = Output.open(
        options.log_file,
        now=SystemClock().now,
        level=options.log_level,
        format=options.log_format,
        source_location=options.log_source_location,
    )
    log = Logger(output)
    restrict_umask(log)
    raise_file_limit()
    try:
        await until_stopped(config, output, ready, read)
    except FinialError as why:
        log.error("Server crashed", error=why, **({"hint": why.hint} if why.hint else {}))
        return 1
    else:
        log.info("Server stopped gracefully")
        return 0
    finally:
        output.close()


async def until_stopped(config: ServerConfig, output: Output, ready: Ready | None, read: Read | None) -> None:
    """SIGUSR2 reopens the log file; SIGHUP reads the configuration again, and so does a command. Raises: what the
    start or a task raises."""
    server = Server(config, output, kinds)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGUSR2, Logger(output).reopen)
    if read is not None:
        reloads = reloader(server, read)
        server.local.append(ConfigurationService(reloads))
        loop.add_signal_handler(signal.SIGHUP, reloads.ask)
    server.failed.add_done_callback(lambda _: stopping.set())
    with collector.paused():
        await server.start()
    collector.settle()
    try:
        if read is not None:
            server.tasks.start(reloads.run(), name="reload the configuration")
        if ready is not None:
            ready(server)
        await stopping.wait()
        if server.failed.done():
            server.failed.result()
    finally:
        await server.stop()


def restrict_umask(log: Logger) -> None:
    """What the server writes is for its user and group."""
    before = os.umask(UMASK)
    if before & UMASK != UMASK:
        message = f"Current umask {before:04o} is too permissive; setting umask {UMASK:04o}"
        log.warning(message)
