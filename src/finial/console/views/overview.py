"""The first view: one sentence, five cards, what wants attention, how long changes take, and the changes of late."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from finial.console.attention import Item, Severity, attention, sentence
from finial.console.figure import Figure, Missing, Origin, Source, missing
from finial.console.observatory import SERVER_JOB, Observatory
from finial.console.readings import ServerReading, State
from finial.console.trends import Mark
from finial.console.views.changes import ChangeRow, Lag, change_rows, lag
from finial.console.views.model import FigureModel, Model, Status

RANGE = 3600.0  # seconds that the sparks and the lag show
SPARK_POINTS = 60
SHOWN_CHANGES = 20
IN_STEP = (State.READY, State.DELIVERED)
WORDS: dict[Status, str] = {
    "healthy": "Healthy",
    "warning": "Warning",
    "failing": "Failing",
    "unknown": "Not known",
}


class Activity(StrEnum):
    """Of a day's own range: the highest third of what was seen is High. Default where nothing is known."""

    HIGH = "High"
    MODERATE = "Moderate"
    LOW = "Low"
    DEFAULT = "Default"


class Line(Model):
    label: str
    figure: FigureModel


class Card(Model):
    """`spark`: the last hour, None for gaps."""

    id: str
    title: str
    status: Status
    word: str
    figure: FigureModel
    activity: Activity
    trend: Mark
    spark: list[float | None]
    lines: list[Line]


class AttentionItem(Model):
    severity: str
    what: str
    why: str
    since: float | None
    view: str
    command: str


class Overview(Model):
    """`at`: when this was made; `read_at`: when the server last answered."""

    at: float
    read_at: float | None
    trust_domain: str | None
    own: bool
    position: str
    skew: float | None
    sentence: str
    cards: list[Card]
    attention: list[AttentionItem]
    lag: Lag
    changes: list[ChangeRow]


def overview(seen: Observatory, now: float) -> Overview:
    server = seen.server
    items = attention(server, seen.targets, now)
    return Overview(
        at=now,
        read_at=server.at or None,
        trust_domain=server.trust_domain.name if server.trust_domain else None,
        own=server.own,
        position=server.position.hex(),
        skew=server.skew,
        sentence=sentence(server, items),
        cards=[_server_card(seen, items, now), _agents_card(seen, now), _metrics_card(seen, now)],
        attention=[AttentionItem.model_validate(item.record()) for item in items],
        lag=lag(server, now - RANGE),
        changes=change_rows(server, SHOWN_CHANGES),
    )


def _server_card(seen: Observatory, items: Sequence[Item], now: float) -> Card:
    server = seen.server
    worst = max((one.severity for one in items if one.view in ("server", "database")), default=None)
    status: Status = "failing" if worst is Severity.CRITICAL else "warning" if worst else "healthy"
    calls, source = seen.calls(SERVER_JOB), Source(Origin.METRIC, "spire_server_rpc_*")
    figure = (
        Figure(source, now, round(calls, 1), "calls/s")
        if calls is not None
        else _no_metrics(seen, source, now)
    )
    return _card(
        seen,
        "server",
        "SPIRE Server",
        status if server.reached else "unknown",
        figure,
        "server.calls",
        now,
        [
            ("entries", _of_server(server, len(server.entries), "", "Entry.ListEntries")),
            (
                "uptime",
                _of_server(server, round(now - server.started_at), "s", "Debug.GetInfo", server.started_at),
            ),
            ("CA runway", _runway(server, now)),
        ],
    )


def _agents_card(seen: Observatory, now: float) -> Card:
    server = seen.server
    states = [one.state for one in server.agents.values()]
    in_step = sum(one in IN_STEP for one in states)
    lost = sum(one in (State.GONE, State.EXPIRED) for one in states)
    source = Source(Origin.RPC, "finial.status.v1.Status.ListAgentStatus")
    if not server.own:
        figure = missing(source, Missing.STOCK if server.reached else Missing.UNREACHABLE, now)
    else:
        figure = Figure(source, server.at, in_step, f"of {len(states)} in step")
    soon = sum(0 < one.agent.expires_at - now < RANGE for one in server.agents.values())
    status: Status = "unknown" if not server.reached else "warning" if lost else "healthy"
    return _card(
        seen,
        "agents",
        "SPIRE Agents",
        status,
        figure,
        "agents.in_step",
        now,
        [
            ("agents", _of_server(server, len(states), "", "Agent.ListAgents")),
            ("gone or expired", _of_server(server, lost, "", source.name, float(server.own))),
            ("end within an hour", _of_server(server, soon, "", "Agent.ListAgents")),
        ],
    )


def _metrics_card(seen: Observatory, now: float) -> Card:
    up, source = sum(one.up for one in seen.targets), Source(Origin.METRIC, "scrapes")
    if not seen.targets:
        return _card(
            seen,
            "metrics",
            "SPIRE Metrics",
            "unknown",
            missing(source, Missing.NO_EXPORTER, now),
            "metrics.up",
            now,
            [],
        )
    status: Status = "healthy" if up == len(seen.targets) else "warning"
    figure = Figure(source, now, up, f"of {len(seen.targets)} targets up")
    return _card(seen, "metrics", "SPIRE Metrics", status, figure, "metrics.up", now, [])


def _card(
    seen: Observatory,
    card_id: str,
    title: str,
    status: Status,
    figure: Figure,
    series: str,
    now: float,
    lines: Sequence[tuple[str, Figure]],
) -> Card:
    return Card(
        id=card_id,
        title=title,
        status=status,
        word=WORDS[status],
        figure=FigureModel.of(figure, now),
        activity=activity(seen, series, now),
        trend=seen.trends.mark(series, now),
        spark=[value for _, value in seen.trends.points(series, now - RANGE, now, SPARK_POINTS)],
        lines=[Line(label=label, figure=FigureModel.of(one, now)) for label, one in lines],
    )


def activity(seen: Observatory, series: str, now: float) -> Activity:
    """The last five minutes against the peak of the day."""
    peak = seen.trends.peak(series, now - 24 * RANGE, now)
    recent = [value for _, value in seen.trends.points(series, now - 300, now) if value is not None]
    if peak is None or not recent or peak[1] <= 0:
        return Activity.DEFAULT
    share = max(recent) / peak[1]
    return Activity.HIGH if share > 2 / 3 else Activity.MODERATE if share > 1 / 3 else Activity.LOW


def _of_server(server: ServerReading, value: float, unit: str, rpc: str, known: float = 1.0) -> Figure:
    """`known` 0: the server does not tell this."""
    source = Source(Origin.RPC, rpc)
    if not server.reached:
        return missing(source, Missing.UNREACHABLE, server.at)
    return Figure(source, server.at, value, unit) if known else missing(source, Missing.STOCK, server.at)


def _runway(server: ServerReading, now: float) -> Figure:
    """Until the last authority that is prepared or active ends."""
    ends = [one.expires_at for one in server.x509_authorities if one.slot in ("active", "prepared")]
    return _of_server(
        server,
        round(max(ends, default=0) - now),
        "s",
        "LocalAuthority.GetX509AuthorityState",
        float(bool(ends)),
    )


def _no_metrics(seen: Observatory, source: Source, now: float) -> Figure:
    return missing(source, Missing.NOT_YET if seen.targets else Missing.NO_EXPORTER, now)
