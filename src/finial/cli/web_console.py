"""`finial console`: the page on which people see a trust domain; `finial console link`: one more way in."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from finial.cli import agent_socket, server_socket
from finial.cli.agent_socket import AgentFlags
from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.output import read_format, to_line
from finial.cli.server_socket import ServerFlags
from finial.errors import InvalidArgument, Unsupported

if TYPE_CHECKING:
    from finial.console.options import Options
    from finial.console.program import Console as Running
    from finial.console.sources.metrics import Target

INSTALL = 'pip install "finial[console]"'
ROLES = ("viewer", "admin")


def read_role(text: str) -> str:
    if text not in ROLES:
        raise InvalidArgument(f"must be {' or '.join(ROLES)}")
    return text


def read_url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise InvalidArgument("must be an http or https address")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFlags:
    role: str = flag("admin", "What the link lets one do (viewer, admin)", read=read_role, choices=ROLES)
    link_socket: str = flag(
        "",
        "Socket, for its owner alone, where links are made (default $XDG_RUNTIME_DIR/finial-console/link.sock, or\n"
        "below the temporary folder)",
        name="linkSocket",
    )
    output: str = flag("pretty", "Desired output format (pretty, json)", read=read_format)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleFlags(LinkFlags):
    socket_path: str = flag(
        "", "Path to the server's API socket (default as `finial entry show`)", name="socketPath"
    )
    address: str = flag("127.0.0.1", "IP address or name to listen on; any but loopback wants -cert and -key")
    port: int = flag(3000, "Port to listen on; the next free one where it is taken")
    strict_port: bool = flag(False, "Fail where the port is taken", name="strictPort")
    cert: str = flag("", "TLS certificate chain, a PEM file")
    key: str = flag("", "Its private key, a PEM file")
    host: tuple[str, ...] = flag(
        (), "A further name, with its port, by which browsers reach it; may be repeated"
    )
    agent_socket_path: str = flag(
        "", "Path to the Workload API socket of this machine's agent, for explain", name="agentSocketPath"
    )
    server_metrics: tuple[str, ...] = flag(
        (), "Where a server's metrics are read, http://host:9988/metrics; may be repeated",
        name="serverMetrics", read=read_url,
    )  # fmt: skip
    agent_metrics: tuple[str, ...] = flag(
        (), "Where an agent's metrics are read; may be repeated", name="agentMetrics", read=read_url
    )


async def run(flags: ConsoleFlags, console: Console) -> int:
    """Until it is told to end: 0 after SIGTERM or SIGINT."""
    if find_spec("fastapi") is None:
        raise Unsupported("the console is not installed", hint=INSTALL)
    from finial.console.program import serve

    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    options = options_of(flags)

    def ready(running: Running) -> None:
        if running.port != flags.port and flags.output != "json":
            console.err(f"port {flags.port} is taken: the console has {running.port}")
        show(running.address, running.link(options.first_role), flags, console)

    await serve(options, ready, stopped)
    return 0


def show(address: str, link: str, flags: LinkFlags, console: Console) -> None:
    if flags.output == "json":
        console.out(to_line({"address": address, "link": link, "role": flags.role}))
    else:
        console.out(
            f"console  {address}\nsign in  {link}\n         works once, within 10 minutes, as {flags.role}"
        )
    console.stdout.flush()


def options_of(flags: ConsoleFlags) -> Options:
    """What was not named is that of the lab which runs on this machine, if the server's socket is."""
    from finial.console.access import Role
    from finial.console.options import TRIES, Options

    server = server_socket.socket_path(ServerFlags(socket_path=flags.socket_path))
    return Options(
        server_socket=server,
        agent_socket=agent_socket.socket_path(AgentFlags(socket_path=flags.agent_socket_path)),
        targets=targets_of(flags, _metrics_of_lab(server)),
        host=flags.address,
        port=flags.port,
        tries=1 if flags.strict_port else TRIES,
        certificate=flags.cert,
        key=flags.key,
        hosts=flags.host,
        link_socket=link_socket_of(flags),
        first_role=Role(flags.role),
    )


def _metrics_of_lab(server: str) -> dict[str, str]:
    """By job; of the lab in the default folder, if this is its server's socket."""
    from finial.lab import state
    from finial.lab.lifecycle import default_lab

    place = default_lab()
    if place is None or server != str(place.server_socket):
        return {}
    found = state.read(place.state_file)
    ports = found.ports if found else {}
    return {
        f"spire-{of}": f"http://127.0.0.1:{ports[f'{of}-metrics']}/metrics"
        for of in ("server", "agent")
        if f"{of}-metrics" in ports
    }


def targets_of(flags: ConsoleFlags, found: dict[str, str]) -> tuple[Target, ...]:
    """Those that were named, or those that were `found`. The name of one is its host and port."""
    from finial.console.sources.metrics import Target

    named = {"spire-server": flags.server_metrics, "spire-agent": flags.agent_metrics}
    if not any(named.values()):
        named = {job: (url,) for job, url in found.items()}
    return tuple(
        Target(f"{job} {url.split('/')[2]}", job, url) for job, urls in named.items() for url in urls
    )


def link_socket_of(flags: LinkFlags) -> str:
    from finial.console.links import default_socket

    return flags.link_socket or default_socket()


def _link_socket_there(flags: LinkFlags) -> str:
    """Where nothing is at the default path, that of the lab's console."""
    from finial.lab.lifecycle import default_lab

    path = link_socket_of(flags)
    place = None if flags.link_socket or os.path.exists(path) else default_lab()
    return str(place.console_socket) if place else path


async def link(flags: LinkFlags, console: Console) -> int:
    from finial.console.access import Role
    from finial.console.links import ask

    made = await ask(_link_socket_there(flags), Role(flags.role))
    show(made.partition("/login?")[0], made, flags, console)
    return 0


COMMANDS = (
    Command(
        "console",
        "Serves the page on which people see a trust domain: its server, agents, identities and how changes arrive. "
        "Prints its address and a link that signs in once. It only looks, unless an admin signs in and changes "
        "something. Works beside a stock server too.",
        ConsoleFlags,
        run,
        examples=(
            "finial console",
            "finial console -port 3100 -role viewer",
            "finial console -address 0.0.0.0 -cert console.pem -key console.key -host console.example.org:3000",
            "finial console -socketPath /run/spire/api.sock -serverMetrics http://127.0.0.1:9988/metrics",
        ),
    ),
    Command(
        "console link",
        "Makes one more link that signs in once, at the console that runs on this machine.",
        LinkFlags,
        link,
        examples=("finial console link -role viewer",),
    ),
)
