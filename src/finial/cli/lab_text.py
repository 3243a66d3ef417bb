"""What `finial up` and `finial status` show of a lab: for programs, and for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from finial.cli.output import JsonValue

if TYPE_CHECKING:
    from finial.lab.lifecycle import Up
    from finial.lab.place import Place


CONSOLE_INSTALL = 'pip install "finial[console]"'


def up_record(place: Place, done: Up) -> dict[str, JsonValue]:
    """For programs: what `status` tells, and where everything is."""
    return {
        **done.status,
        "started": done.started,
        "ports": dict(done.state.ports),
        "server_socket": str(place.server_socket),
        "workload_api": place.endpoint,
        "folder": str(place.folder),
    }


def summary(place: Place, done: Up, where: str, program: str, link: str = "") -> str:
    """Where everything is, and what to try. `program`: what is typed for it; `where`: the flag that names the lab.
    `link`: to the console; empty: there is none."""
    status, ports = done.status, done.state.ports
    metrics = (f"http://127.0.0.1:{ports[f'{of}-metrics']}/metrics of the {of}" for of in ("server", "agent"))
    lines = [
        f"trust domain   {status['trust_domain']}",
        f"server         127.0.0.1:{ports['server']}, socket {place.server_socket}",
        f"Workload API   export SPIFFE_ENDPOINT_SOCKET={place.endpoint}",
        f"database       {status['database']}",
        f"metrics        {', '.join(metrics)}",
        f"console        {link or f'none: {CONSOLE_INSTALL} adds it, from the next up on'}",
        f"files          {place.folder}",
        "",
        *service_rows(status),
        "",
        f"try  {program} verify{where}",
        f"     {program} status{where}",
        f"     {program} logs -f{where} payment-api",
        f"     {program} entry show" + (f" -socketPath {place.server_socket}" if where else ""),
        f"     {program} down{where}",
    ]
    return "\n".join(lines) + "\n"


def service_rows(status: Mapping[str, Any]) -> list[str]:
    services = [one for one in status["processes"] if "id" in one]
    return [f"{one['name']:<18} https://127.0.0.1:{one['port']}  {one['id']}" for one in services]


def status_table(found: Mapping[str, Any]) -> str:
    header = (
        "NAME",
        "PID",
        "PORT",
        "METRICS",
        "STATE",
        "RESTARTS",
        "SVID UNTIL",
        "ROTATIONS",
        "CALLS",
        "DENIED",
        "FAILED",
        "WRONG",
    )
    table = aligned([header, *(_status_row(one) for one in found["processes"])])
    ports = [one["port"] for one in found["processes"] if one["name"] == "console"]
    pages = [f"\n\nconsole  http://127.0.0.1:{port}, `finial lab start-dashboard` signs in" for port in ports]
    return table + "".join(pages)


def _status_row(one: Mapping[str, Any]) -> tuple[str, ...]:
    state = "up" if one["up"] else one["problem"] or "starting"
    numbers = (str(one[what] or "-") for what in ("pid", "port", "metrics_port"))
    row = (one["name"], *numbers, state, str(one["restarts"]))
    if "id" not in one:
        return row
    calls = one["calls"]
    until = one["not_after"].replace("+00:00", "Z")
    return (
        *row,
        until,
        str(one["rotations"]),
        *(str(calls[name]) for name in ("ok", "denied", "failed", "wrong")),
    )


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell."""
    widths = [0] * max(map(len, rows))
    for row in rows:
        for at, cell in enumerate(row):
            widths[at] = max(widths[at], len(cell))
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
