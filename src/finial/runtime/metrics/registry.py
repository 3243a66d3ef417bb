"""`Metrics`: the one place where a program counts. Keys in, instruments out; the exposition and the sinks read it.

Rules: an instrument is asked for once and kept by who counts into it. The service's name stands before each key,
as SPIRE has it, but for keys that begin with `finial.`, which are ours alone. A label that is filtered away joins
the series that differ in it alone. A family holds 2,000 series at most; what comes after goes into one whose
labels read `overflow`, so that a name somebody else chooses cannot fill the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Protocol, TypeVar, cast

from finial.errors import Internal
from finial.runtime.clock import Clock
from finial.runtime.metrics.instruments import Calls, Counter, Gauge, Histogram, Push, Sample
from finial.runtime.metrics.names import Filter, sanitized

OWN = "finial."
MAX_SERIES = 2000  # of one family
OVERFLOW = "overflow"
READ_EVERY = 10.0  # seconds between the moments at which sinks are told gauges that are read
Labels = tuple[tuple[str, str], ...]
Instrument = Counter | Gauge | Sample | Histogram
Kind = TypeVar("Kind", Counter, Gauge, Sample, Histogram)


class Type(Enum):
    COUNTER = "counter"
    GAUGE = "gauge"
    SUMMARY = "summary"
    HISTOGRAM = "histogram"


class Sink(Protocol):
    """Is told each change of a series. It must not wait."""

    def open(self, kind: Type, key: str, labels: Labels) -> Push: ...


@dataclass(slots=True)
class Family:
    """All series of one name."""

    key: str
    kind: Type
    help: str
    series: dict[Labels, Instrument] = field(default_factory=dict)


class Metrics:
    """`service`: first part of each key, `spire_server`. `labels` stand on every series."""

    def __init__(
        self,
        service: str,
        clock: Clock,
        *,
        labels: dict[str, str] | None = None,
        kept: Filter | None = None,
        sinks: Sequence[Sink] = (),
    ) -> None:
        self._service, self._clock, self._sinks = service, clock, tuple(sinks)
        self._common, self._kept = dict(labels or {}), kept or Filter()
        self._families: dict[str, Family] = {}

    def counter(self, key: str, help: str = "", /, **labels: str) -> Counter:
        return self._series(key, help, Type.COUNTER, Counter, labels)

    def gauge(self, key: str, help: str = "", /, **labels: str) -> Gauge:
        return self._series(key, help, Type.GAUGE, Gauge, labels)

    def sample(self, key: str, help: str = "", /, **labels: str) -> Sample:
        make = partial(Sample, self._clock.monotonic)
        return self._series(key, help, Type.SUMMARY, make, labels)

    def histogram(self, key: str, bounds: Sequence[float], help: str = "", /, **labels: str) -> Histogram:
        return self._series(key, help, Type.HISTOGRAM, partial(Histogram, bounds), labels)

    def calls(self, key: str, /, **labels: str) -> Calls:
        def open_status(status: str) -> tuple[Counter, Sample]:
            return (
                self.counter(key, **labels, status=status),
                self.sample(f"{key}.elapsed_time", **labels, status=status),
            )

        return Calls(open_status, self._clock.monotonic)

    def families(self) -> Iterator[Family]:
        """In the order of their names; without those that are filtered away or hold nothing yet."""
        for key in sorted(self._families):
            yield self._families[key]

    async def run(self) -> None:
        """Until cancelled: tells the sinks the gauges that are read."""
        while self._sinks:
            await self._clock.sleep(READ_EVERY)
            for family in self._families.values():
                for one in family.series.values():
                    if isinstance(one, Gauge) and one.is_read:
                        one.push()

    def _series(
        self,
        key: str,
        help: str,
        kind: Type,
        make: Callable[[Sequence[Push]], Kind],
        given: dict[str, str],
    ) -> Kind:
        if not key.startswith(OWN):
            key = f"{self._service}.{key}"
        labels = {sanitized(name): sanitized(value) for name, value in given.items()}
        named = tuple(self._kept.labels(labels | self._common).items())
        if not self._kept.keeps(key):
            return make(())
        family = self._family(key, help, kind)
        if named not in family.series and len(family.series) >= MAX_SERIES:
            named = tuple((name, OVERFLOW if name in labels else value) for name, value in named)
        found = family.series.get(named)
        if found is None:
            made = make([sink.open(kind, key, named) for sink in self._sinks])
            family.series[named] = made
            return made
        return cast(Kind, found)  # of the family's kind, as _family holds

    def _family(self, key: str, help: str, kind: Type) -> Family:
        family = self._families.get(key)
        if family is None:
            family = self._families[key] = Family(key, kind, help or key)
        elif family.kind is not kind:
            raise Internal(f'metric "{key}" is a {family.kind.value} and was asked for as a {kind.value}')
        return family
