"""`Metrics`: the one place where a program counts. Keys in, instruments out; the exposition and the sinks read it.

Rules: an instrument is asked for once and kept by who counts into it. The service's name stands before each key
and labels are made words, as SPIRE has it, but for keys that begin with `finial.`, which are ours alone. What a
key means is told by `catalogue`. A label that is filtered away joins the series that differ in it alone. A family holds 2,000 series at most; what comes after goes into one whose
labels read `overflow`, so that a name somebody else chooses cannot fill the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Protocol, TypeVar, cast

from finial.errors import Internal
from finial.runtime.clock import Clock
from finial.runtime.metrics.catalogue import meaning_of
from finial.runtime.metrics.instruments import Calls, Counter, Gauge, Histogram, Push, Sample, Type
from finial.runtime.metrics.names import Filter, sanitized

OWN = "finial."
MAX_SERIES = 2000  # of one family
OVERFLOW = "overflow"
READ_EVERY = 10.0  # seconds between the moments at which sinks are told gauges that are read
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Bounds of what takes a moment or a few."""
Labels = tuple[tuple[str, str], ...]
Instrument = Counter | Gauge | Sample | Histogram
Kind = TypeVar("Kind", Counter, Gauge, Sample, Histogram)


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
    """`service`: first part of each key, `spire_server`. `labels` stand on every series. `by_id`: whether what is
    about one identity is to be told by its SPIFFE ID, for who counts it to see."""

    def __init__(
        self,
        service: str,
        clock: Clock,
        *,
        labels: dict[str, str] | None = None,
        kept: Filter | None = None,
        sinks: Sequence[Sink] = (),
        by_id: bool = False,
    ) -> None:
        self.by_id = by_id
        self._service, self._clock, self._sinks = service, clock, tuple(sinks)
        self._common, self._kept = dict(labels or {}), kept or Filter()
        self._families: dict[str, Family] = {}
        self._each: list[Callable[[], None]] = []

    def counter(self, key: str, /, **labels: str) -> Counter:
        return self._series(key, Type.COUNTER, Counter, labels)

    def gauge(self, key: str, /, **labels: str) -> Gauge:
        return self._series(key, Type.GAUGE, Gauge, labels)

    def gauge_each(self, key: str, label: str, source: Callable[[], Iterable[tuple[str, float]]], /) -> None:
        """A gauge for each value of `label` that `source` tells whenever somebody asks, the first MAX_SERIES of
        them. What it tells no more is gone. `key` is one of ours."""
        self._each.append(partial(self._read_each, key, label, source))

    def sample(self, key: str, /, **labels: str) -> Sample:
        return self._series(key, Type.SUMMARY, partial(Sample, self._clock.monotonic), labels)

    def histogram(self, key: str, bounds: Sequence[float] = SECONDS, /, **labels: str) -> Histogram:
        return self._series(key, Type.HISTOGRAM, partial(Histogram, bounds), labels)

    def calls(self, key: str, /, **labels: str) -> Calls:
        """As SPIRE tells calls: a counter, and a sample of milliseconds."""

        def open_status(status: str) -> Callable[[float], None]:
            count = self.counter(key, **labels, status=status).add
            sample = self.sample(f"{key}.elapsed_time", **labels, status=status).add

            def keep(seconds: float) -> None:
                count()
                sample(seconds * 1000)

            return keep

        return Calls(open_status, self._clock.monotonic)

    def timed(self, key: str, /, **labels: str) -> Calls:
        """As Prometheus has them: a histogram of seconds, which counts too."""
        return Calls(lambda status: self.histogram(key, **labels, status=status).add, self._clock.monotonic)

    def families(self) -> Iterator[Family]:
        """In the order of their names; without those that are filtered away or hold nothing yet."""
        self._read()
        for key in sorted(self._families):
            yield self._families[key]

    async def run(self) -> None:
        """Until cancelled: tells the sinks the gauges that are read."""
        while self._sinks:
            await self._clock.sleep(READ_EVERY)
            self._read()
            for family in self._families.values():
                for one in family.series.values():
                    if isinstance(one, Gauge) and one.is_read:
                        one.push()

    def _read(self) -> None:
        for read in self._each:
            read()

    def _read_each(self, key: str, label: str, source: Callable[[], Iterable[tuple[str, float]]]) -> None:
        told = dict(islice(source(), MAX_SERIES))
        if (family := self._families.get(key)) is not None:
            for gone in [named for named in family.series if dict(named).get(label) not in told]:
                del family.series[gone]
        for value, figure in told.items():
            self.gauge(key, **{label: value}).set(figure)

    def _series(
        self,
        key: str,
        kind: Type,
        make: Callable[[Sequence[Push]], Kind],
        given: dict[str, str],
    ) -> Kind:
        meaning, labels = meaning_of(key), given
        if not key.startswith(OWN):
            key = f"{self._service}.{key}"
            labels = {sanitized(name): sanitized(value) for name, value in given.items()}
        named = tuple(self._kept.labels(labels | self._common).items())
        if not self._kept.keeps(key):
            return make(())
        family = self._family(key, kind, meaning)
        if named not in family.series and len(family.series) >= MAX_SERIES:
            named = tuple((name, OVERFLOW if name in labels else value) for name, value in named)
        found = family.series.get(named)
        if found is None:
            made = make([sink.open(kind, key, named) for sink in self._sinks])
            family.series[named] = made
            return made
        return cast(Kind, found)  # of the family's kind, as _family holds

    def _family(self, key: str, kind: Type, meaning: str) -> Family:
        family = self._families.get(key)
        if family is None:
            family = self._families[key] = Family(key, kind, meaning or key)
        elif family.kind is not kind:
            raise Internal(f'metric "{key}" is a {family.kind.value} and was asked for as a {kind.value}')
        return family
