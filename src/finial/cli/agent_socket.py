"""How a command reaches the agent's Workload API: the flags that name its socket, a client of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finial.cli.flags import flag
from finial.cli.socket_path import Socket

if TYPE_CHECKING:
    from finial.client.workload import WorkloadApi

SOCKET = Socket(
    "agent",
    default="/tmp/spire-agent/public/api.sock",  # noqa: S108 - SPIRE's, for its scripts
    variable="SPIRE_AGENT_PUBLIC_SOCKET",
    template="SPIRE_AGENT_PUBLIC_SOCKET_TEMPLATE",
    # the space in front is SPIRE's
    no_template=(
        " SPIRE_AGENT_PUBLIC_SOCKET_TEMPLATE environment variable must be defined when using the instance flag"
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFlags:
    """The flags that every command of the agent's socket has."""

    socket_path: str = flag(
        "",
        f"Path to the Workload API socket (default {SOCKET.default}, or ${SOCKET.variable})",
        name="socketPath",
    )
    instance: str = flag("", f"Instance name that replaces %i in ${SOCKET.template}")


def socket_path(flags: AgentFlags, environment: Mapping[str, str] = os.environ) -> str:
    """Raises: InvalidArgument if an instance is given without a template."""
    return SOCKET.path(flags.socket_path, flags.instance, environment)


def workload_api(flags: AgentFlags) -> WorkloadApi:
    """The client, not connected. Raises: InvalidArgument, as `socket_path`."""
    from finial.client.workload import WorkloadApi

    return WorkloadApi(f"unix://{os.path.abspath(socket_path(flags))}")
