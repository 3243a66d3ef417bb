"""Ports of the lab: those of the documentation, and where one is taken the next free one.

Each is tried by binding it. Between here and the process that takes it somebody else may; that process then
fails with the reason, and the next start moves on.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence

from finial.errors import FailedPrecondition

HOST = "127.0.0.1"
SERVER_PORT = 8081
METRICS_PORTS = {"server-metrics": 9988, "agent-metrics": 9989}
FIRST_SERVICE_PORT = 18443
POSTGRES_PORT = 15432
CONSOLE_PORT = 3000
TRIES = 200


def defaults(services: Sequence[str]) -> dict[str, int]:
    """`server`, each service and where metrics are read, in this order."""
    serving = {name: FIRST_SERVICE_PORT + at for at, name in enumerate(services)}
    return {"server": SERVER_PORT} | serving | METRICS_PORTS


def choose(wanted: Mapping[str, int]) -> dict[str, int]:
    """Free ports, as wanted where possible. Raises: FailedPrecondition."""
    chosen: dict[str, int] = {}
    for name, port in wanted.items():
        avoid = {*chosen.values(), *(other for key, other in wanted.items() if key != name)}
        chosen[name] = port if _free(port) and port not in chosen.values() else _next_free(port, avoid)
    return chosen


def _next_free(port: int, avoid: set[int]) -> int:
    for candidate in range(port + 1, min(port + TRIES, 65536)):
        if candidate not in avoid and _free(candidate):
            return candidate
    raise FailedPrecondition(f"no free port after {port}: {TRIES} were tried")


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as the servers do; a listener still refuses
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
