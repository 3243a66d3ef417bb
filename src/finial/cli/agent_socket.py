"""How a command reaches the agent's Workload API: the socket's path from flags or environment.

SPIRE 1.15: `-instance` fills `SPIRE_AGENT_PUBLIC_SOCKET_TEMPLATE`; else `-socketPath`, else
`SPIRE_AGENT_PUBLIC_SOCKET`, else the default path; `finial` also finds a lab that runs (`lab_socket.py`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finial.cli.flags import flag
from finial.cli.lab_socket import default_or_lab
from finial.errors import InvalidArgument

if TYPE_CHECKING:
    from finial.client.workload import WorkloadApi

DEFAULT_SOCKET = "/tmp/spire-agent/public/api.sock"  # noqa: S108 - SPIRE's default, for its scripts
ENVIRONMENT = "SPIRE_AGENT_PUBLIC_SOCKET"
TEMPLATE = "SPIRE_AGENT_PUBLIC_SOCKET_TEMPLATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFlags:
    """The flags that every command of the agent's socket has."""

    socket_path: str = flag(
        "",
        f"Path to the Workload API socket (default {DEFAULT_SOCKET}, or ${ENVIRONMENT})",
        name="socketPath",
    )
    instance: str = flag("", f"Instance name that replaces %i in ${TEMPLATE}")


def socket_path(flags: AgentFlags, environment: Mapping[str, str] = os.environ) -> str:
    """Raises: InvalidArgument if an instance is given without a template, with the space of SPIRE's text."""
    if flags.instance:
        template = environment.get(TEMPLATE, "")
        if not template:
            raise InvalidArgument(
                f" {TEMPLATE} environment variable must be defined when using the instance flag"
            )
        return template.replace("%i", flags.instance)
    named = flags.socket_path or environment.get(ENVIRONMENT, "")
    return named or default_or_lab(DEFAULT_SOCKET, "agent", environment)


def workload_api(flags: AgentFlags) -> WorkloadApi:
    """The client, not connected. Raises: InvalidArgument, as `socket_path`."""
    from finial.client.workload import WorkloadApi

    return WorkloadApi(f"unix://{os.path.abspath(socket_path(flags))}")
