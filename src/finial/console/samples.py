"""What a metrics endpoint showed, twice: values and rates by name and labels. Pure.

In goes the text of an exposition, out come sums over whatever labels are not named. A counter that went back began
anew, so its rate is counted from zero. A name nobody showed has no value, which is not the same as zero.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from finial.errors import InvalidArgument

Labels = tuple[tuple[str, str], ...]
Scrape = Mapping[str, Mapping[Labels, float]]
MAX_LINES = 100_000
SAMPLE = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>[^\s]+)(?:\s+-?[0-9]+)?"
)
LABEL = re.compile(r'(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?P<value>(?:[^"\\]|\\.)*)"\s*(?:,|$)\s*')
ESCAPE = re.compile(r"\\(.)")


def parse(text: str) -> Scrape:
    """Prometheus' text format 0.0.4. Names stay as they are: prometheus-client's own parser puts `_total` behind each
    counter, SPIRE's have none.

    Raises: InvalidArgument for what is no exposition, or too long a one.
    """
    found: dict[str, dict[Labels, float]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if number > MAX_LINES:
            raise InvalidArgument(f"metrics: more than {MAX_LINES} lines")
        if line.strip() and not line.startswith("#"):
            name, labels, value = _sample(line, number)
            found.setdefault(name, {})[labels] = value
    return found


def _sample(line: str, number: int) -> tuple[str, Labels, float]:
    sample = SAMPLE.fullmatch(line.strip())
    if sample is None:
        raise InvalidArgument(f"metrics: line {number} is no sample of Prometheus")
    labels = sample["labels"] or ""
    pairs = tuple(sorted((one["name"], _unescaped(one["value"])) for one in LABEL.finditer(labels)))
    if LABEL.sub("", labels).strip(" ,"):
        raise InvalidArgument(f"metrics: labels of line {number} cannot be read")
    try:
        return sample["name"], pairs, float(sample["value"])
    except ValueError as why:
        raise InvalidArgument(f"metrics: line {number} has no number") from why


def _unescaped(value: str) -> str:
    return ESCAPE.sub(lambda found: {"n": "\n"}.get(found[1], found[1]), value)


@dataclass(frozen=True, slots=True)
class Samples:
    """The newest scrape, and the one before it. Times are Unix seconds; 0: none yet."""

    now: Scrape = field(default_factory=dict)
    at: float = 0.0
    before: Scrape = field(default_factory=dict)
    before_at: float = 0.0

    def next(self, scrape: Scrape, at: float) -> Samples:
        return Samples(scrape, at, self.now, self.at)

    def names(self, prefix: str) -> list[str]:
        return sorted(name for name in self.now if name.startswith(prefix))

    def total(self, name: str, **labels: str) -> float | None:
        return _total(self.now, name, labels)

    def rate(self, name: str, **labels: str) -> float | None:
        """Of a counter, a second; None without two scrapes."""
        series = self.now.get(name)
        if series is None or not self.before_at or self.at <= self.before_at:
            return None
        old = self.before.get(name, {})
        grown = [_growth(value, old.get(key, 0.0)) for key, value in series.items() if _fits(key, labels)]
        return sum(grown) / (self.at - self.before_at) if grown else None

    def by(self, name: str, label: str) -> dict[str, float]:
        """Totals by the values of one label."""
        found: dict[str, float] = {}
        for key, value in self.now.get(name, {}).items():
            shown = dict(key).get(label, "")
            found[shown] = found.get(shown, 0.0) + value
        return found

    def mean(self, name: str, **labels: str) -> float | None:
        """Of a summary or histogram, of what came since the scrape before; of all if nothing did."""
        grown = self._growth(f"{name}_sum", labels), self._growth(f"{name}_count", labels)
        if grown[0] is not None and grown[1]:
            return grown[0] / grown[1]
        total, count = self.total(f"{name}_sum", **labels), self.total(f"{name}_count", **labels)
        return total / count if total is not None and count else None

    def quantile(self, name: str, share: float, **labels: str) -> float | None:
        """Of a histogram, of what came since the scrape before, by its buckets: the upper bound that reaches it."""
        buckets = sorted(self._buckets(name, labels).items())
        whole = buckets[-1][1] if buckets else 0.0
        if not whole:
            return None
        return next((bound for bound, count in buckets if count >= share * whole), None)

    def _buckets(self, name: str, labels: Mapping[str, str]) -> dict[float, float]:
        found: dict[float, float] = {}
        old = self.before.get(f"{name}_bucket", {})
        for key, value in self.now.get(f"{name}_bucket", {}).items():
            bound = _bound(dict(key).get("le", ""))
            if bound is not None and _fits(key, labels):
                found[bound] = found.get(bound, 0.0) + _growth(value, old.get(key, 0.0))
        return found

    def _growth(self, name: str, labels: Mapping[str, str]) -> float | None:
        rate = self.rate(name, **labels)
        return None if rate is None else rate * (self.at - self.before_at)


def _total(scrape: Scrape, name: str, labels: Mapping[str, str]) -> float | None:
    found = [value for key, value in scrape.get(name, {}).items() if _fits(key, labels)]
    return sum(found) if found else None


def _bound(text: str) -> float | None:
    """None for what no histogram writes."""
    try:
        bound = float(text)
    except ValueError:
        return None
    return None if math.isnan(bound) else bound


def _fits(key: Labels, labels: Mapping[str, str]) -> bool:
    return not labels or labels.items() <= dict(key).items()


def _growth(value: float, old: float) -> float:
    return value - old if value >= old else value


def rpc_methods(samples: Samples, prefix: str) -> Iterator[str]:
    """The metric of each RPC that was called: `spire_server_rpc_entry_v1_entry_list_entries`."""
    for name in samples.names(f"{prefix}_rpc_"):
        if not name.endswith(("_elapsed_time", "_elapsed_time_sum", "_elapsed_time_count")):
            yield name
