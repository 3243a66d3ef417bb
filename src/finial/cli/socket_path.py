"""Where a command finds a daemon's socket: by the line, the environment, SPIRE's default, or a lab that runs.

SPIRE 1.15: `-instance` fills the template of a variable; else `-socketPath`, else another variable, else the
default path. A command called as `finial`, with none of them, and where nothing is at the default path, means
the lab that runs on this machine: what `finial entry show` means after `finial up`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from finial.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Socket:
    """Of one daemon. `variable` and `template` are names of the environment; `no_template`: what SPIRE says of an
    instance without the template."""

    daemon: Literal["server", "agent"]
    default: str
    variable: str
    template: str
    no_template: str

    def path(self, given: str, instance: str, environment: Mapping[str, str]) -> str:
        """`given`, `instance`: the flags. Raises: InvalidArgument if an instance is given without a template."""
        if instance:
            template = environment.get(self.template, "")
            if not template:
                raise InvalidArgument(self.no_template)
            return template.replace("%i", instance)
        named = given or environment.get(self.variable, "")
        return named or default_or_lab(self.default, self.daemon, environment)


def default_or_lab(
    default: str, daemon: Literal["server", "agent"], environment: Mapping[str, str], program: str = ""
) -> str:
    """The default path, or the socket of the lab. `program`: the name it was called by, argv's if not given."""
    called = os.path.basename(program or sys.argv[0])
    if called.startswith("spire-") or os.path.exists(default):
        return default
    from finial.lab.lifecycle import default_lab

    place = default_lab(environment)
    if place is None:
        return default
    return str(place.server_socket if daemon == "server" else place.agent_socket)
