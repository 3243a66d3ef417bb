"""The sockets of a lab that runs on this machine: what `finial entry show` means after `finial up`.

Only a command called as `finial`, without a flag or a variable that names a socket, and only where nothing
is at SPIRE's default path.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Literal


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
