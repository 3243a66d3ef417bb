"""The text Prometheus reads, version 0.0.4: families in, UTF-8 out.

Names are SPIRE's: no `_total`, which is why prometheus-client, which adds it to each counter, does not write this.
Numbers as Go prints them are read back the same; a whole number has no point.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from finial.runtime.metrics.instruments import Counter, Gauge, Histogram, Sample
from finial.runtime.metrics.names import prometheus_name
from finial.runtime.metrics.registry import Family, Instrument, Labels

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
WHOLE = 1e15  # floats below hold each whole number


def exposition(families: Iterable[Family]) -> bytes:
    return "".join(line for family in families for line in _family(family)).encode()


def _family(family: Family) -> Iterator[str]:
    name = prometheus_name(family.key)
    yield f"# HELP {name} {_escape_help(family.help)}\n# TYPE {name} {family.kind.value}\n"
    for labels, one in sorted(family.series.items()):
        yield from _series(name, labels, one)


def _series(name: str, labels: Labels, one: Instrument) -> Iterator[str]:
    if isinstance(one, Counter | Gauge):
        yield f"{name}{_labels(labels)} {number(one.value)}\n"
        return
    if isinstance(one, Sample):
        for quantile, value in one.quantiles():
            yield f"{name}{_labels(labels, ('quantile', number(quantile)))} {number(value)}\n"
    if isinstance(one, Histogram):
        for bound, count in one.cumulative():
            yield f"{name}_bucket{_labels(labels, ('le', number(bound)))} {count}\n"
    yield f"{name}_sum{_labels(labels)} {number(one.sum)}\n{name}_count{_labels(labels)} {one.count}\n"


def number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < WHOLE else repr(value)


def _labels(labels: Labels, *more: tuple[str, str]) -> str:
    pairs = [f'{name}="{_escape(value)}"' for name, value in (*sorted(labels), *more)]
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _escape_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
