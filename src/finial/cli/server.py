"""`server run | validate | healthcheck`; as spire-server: `run`, `validate`, `healthcheck`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finial.cli.command import Command
from finial.cli.configuration import DaemonFlags, load, refuse, told
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.rpc_errors import as_rpc_error
from finial.cli.server_socket import ServerFlags, server
from finial.errors import FinialError, Unavailable

if TYPE_CHECKING:
    from finial.config.server import ServerConfig
    from finial.plugin.catalog import Fault

DEFAULT_CONFIG = "conf/server/server.conf"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFlags(DaemonFlags):
    config: str = flag(DEFAULT_CONFIG, "Path to a server configuration file")
    bind_address: str = flag("", "IP address or DNS name of the server", name="bindAddress")
    bind_port: int = flag(0, "Port number of the server", name="serverPort")


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthFlags(ServerFlags):
    shallow: bool = flag(False, "Accepted for scripts; the check is the same")
    verbose: bool = flag(False, "Print verbose information")


async def run(flags: RunFlags, console: Console) -> int:
    """Until it is told to end: 0 after SIGTERM or SIGINT, 1 if it could not start or crashed. SIGHUP reads the file
    and flags again."""
    from finial.config.server import load_server
    from finial.server.main import serve

    def read() -> ServerConfig:
        return load(flags, flags.config, load_server)

    try:
        config = read()
    except FinialError as error:
        return refuse(error, console)
    return await serve(config, read=read)


async def validate(flags: RunFlags, console: Console) -> int:
    """The file, and the options of each plugin; nothing is started or written."""
    from finial.config.server import load_server
    from finial.plugin.catalog import PluginFaults
    from finial.server.main import check_plugins

    try:
        check_plugins(load(flags, flags.config, load_server))
    except PluginFaults as error:
        console.err("SPIRE server configuration file is invalid.\nValidation errors:")
        console.err("\n".join(faults_text(error.faults)))
        return 1
    except FinialError as error:
        return refuse(error, console, "SPIRE server configuration file is invalid: ")
    console.out("SPIRE server configuration file is valid.")
    return 0


def faults_text(faults: Sequence[Fault]) -> Iterator[str]:
    """By plugin, with SPIRE's tabs; of a kind's number SPIRE says no more than the constraint."""
    for one in faults:
        yield f"\t{one.where}:"
        for line in told(one.why).removeprefix(f"{one.where}: plugin type ").split("\n"):
            yield f"\t\t{line}"


async def healthcheck(flags: HealthFlags, console: Console) -> int:
    from finial.wire.pb.grpc.health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

    if flags.verbose:
        console.out("Checking server health...")
    try:
        async with server(flags) as api:
            answer = await api.health.Check(HealthCheckRequest())
    except FinialError as error:
        failure = as_rpc_error(error)
        if flags.verbose:
            console.err(f"Failed to check health: {failure.message}")
        raise Unavailable("server is unhealthy: unable to determine health", hint=failure.hint) from error
    if answer.status != HealthCheckResponse.SERVING:
        name = HealthCheckResponse.ServingStatus.Name(answer.status)
        raise Unavailable(f"server is unhealthy: server returned status {name!r}".replace("'", '"'))
    console.out("Server is healthy.")
    return 0


COMMANDS = (
    Command(
        "server run",
        "Runs the server until it is told to end; on SIGHUP it takes its changed file, whole or not at all.",
        RunFlags,
        run,
        examples=("finial server run -config server.conf",),
        usage_name="run",
        daemon=True,
    ),
    Command(
        "server validate",
        "Checks a server's configuration file, and the options of its plugins.",
        RunFlags,
        validate,
        examples=("finial server validate -config server.conf",),
        usage_name="validate",
    ),
    Command(
        "server healthcheck",
        "Tells whether the server is healthy.",
        HealthFlags,
        healthcheck,
        examples=("finial server healthcheck -verbose",),
        usage_name="healthcheck",
    ),
)
