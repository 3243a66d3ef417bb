"""What is counted into: counters, gauges, samples with quantiles, histograms, and calls.

All are used from the event loop's thread alone. Each keeps what Prometheus reads later and hands each change
to the sinks that want every one of them (StatsD). Quantiles are those of the last ten seconds, from the newest
512 samples at most, as near as SPIRE's summaries (go-metrics: 10 s, 0.5, 0.9, 0.99).
"""

from __future__ import annotations

import math
from asyncio import CancelledError
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum

from grpclib.exceptions import GRPCError

from finial.errors import FinialError, Unsupported

QUANTILES = (0.5, 0.9, 0.99)
WINDOW = 10.0  # seconds
KEPT = 512  # samples
OK, CANCELED = "OK", "Canceled"
Push = Callable[[float], None]
"""Given each change: by how much a counter grew, to what a gauge was set, one sample."""


class Type(Enum):
    COUNTER = "counter"
    GAUGE = "gauge"
    SUMMARY = "summary"
    HISTOGRAM = "histogram"


class Counter:
    __slots__ = ("_pushes", "value")

    def __init__(self, pushes: Sequence[Push] = ()) -> None:
        self.value, self._pushes = 0.0, tuple(pushes)

    def add(self, count: float = 1.0) -> None:
        self.value += count
        for push in self._pushes:
            push(count)


class Gauge:
    """A value that is set, or read when asked for: see `read`."""

    __slots__ = ("_pushes", "_read", "_value")

    def __init__(self, pushes: Sequence[Push] = ()) -> None:
        self._value, self._pushes = 0.0, tuple(pushes)
        self._read: Callable[[], float] | None = None

    @property
    def value(self) -> float:
        return self._value if self._read is None else self._read()

    @property
    def is_read(self) -> bool:
        return self._read is not None

    def set(self, value: float) -> None:
        self._value = value
        for push in self._pushes:
            push(value)

    def add(self, count: float) -> None:
        self.set(self._value + count)

    def read(self, source: Callable[[], float]) -> None:
        """From here on `source` tells the value, each time it is asked for; it must not fail or wait."""
        self._read = source

    def push(self) -> None:
        """Tells the sinks the value that is read now; not of what there is none of, which reads NaN."""
        value = self.value
        for push in self._pushes if not math.isnan(value) else ():
            push(value)


class Sample:
    """Sum, count and quantiles. `monotonic`: seconds."""

    __slots__ = ("_monotonic", "_newest", "_pushes", "count", "sum")

    def __init__(self, monotonic: Callable[[], float], pushes: Sequence[Push] = ()) -> None:
        self.count, self.sum = 0, 0.0
        self._monotonic, self._pushes = monotonic, tuple(pushes)
        self._newest: deque[tuple[float, float]] = deque(maxlen=KEPT)

    def add(self, value: float) -> None:
        self.count += 1
        self.sum += value
        self._newest.append((self._monotonic(), value))
        for push in self._pushes:
            push(value)

    def quantiles(self) -> Iterator[tuple[float, float]]:
        """Each with its value; NaN where nothing came within the window, as Prometheus wants it."""
        since = self._monotonic() - WINDOW
        values = sorted(value for at, value in self._newest if at > since)
        for quantile in QUANTILES:
            rank = max(math.ceil(quantile * len(values)), 1)
            yield quantile, values[rank - 1] if values else math.nan


class Histogram:
    """Counts per bucket. `bounds`: upper bounds, rising, the last bucket is without one."""

    __slots__ = ("_counts", "_pushes", "bounds", "count", "sum")

    def __init__(self, bounds: Sequence[float], pushes: Sequence[Push] = ()) -> None:
        self.bounds, self._pushes = tuple(bounds), tuple(pushes)
        self.count, self.sum = 0, 0.0
        self._counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        self._counts[bisect_left(self.bounds, value)] += 1
        self.count += 1
        self.sum += value
        for push in self._pushes:
            push(value)

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """Upper bound and how many were at most that; ends with infinity."""
        below = 0
        for bound, count in zip((*self.bounds, math.inf), self._counts, strict=True):
            below += count
            yield bound, below


class Calls:
    """How many calls ended with which status, and how long they took. `open_status`: what keeps the seconds of
    those that ended so."""

    __slots__ = ("_by_status", "_monotonic", "_open")

    def __init__(
        self, open_status: Callable[[str], Callable[[float], None]], monotonic: Callable[[], float]
    ) -> None:
        self._open, self._monotonic = open_status, monotonic
        self._by_status: dict[str, Callable[[float], None]] = {}

    def done(self, status: str, seconds: float) -> None:
        """`status`: gRPC's name of the code, `OK`, `NotFound`."""
        keep = self._by_status.get(status)
        if keep is None:
            keep = self._by_status[status] = self._open(status)
        keep(seconds)

    @contextmanager
    def measured(self, *, left: str = CANCELED) -> Iterator[None]:
        """Of what is done within; an exception goes on to the caller. `left`: how it ended if it was cancelled."""
        start, status = self._monotonic(), OK
        try:
            yield
        except BaseException as why:
            status = left if isinstance(why, CancelledError) else status_of(why)
            raise
        finally:
            self.done(status, self._monotonic() - start)


def status_of(error: BaseException) -> str:
    """gRPC's name of the code that this error goes out with: our kinds are named so."""
    if isinstance(error, GRPCError):
        return "".join(word.title() for word in error.status.name.split("_"))
    if isinstance(error, Unsupported):
        return "Unimplemented"
    if isinstance(error, FinialError):
        return next(kind.__name__ for kind in type(error).__mro__ if FinialError in kind.__bases__)
    return "Internal" if isinstance(error, Exception) else CANCELED
