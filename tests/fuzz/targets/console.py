"""What others show the console."""

from __future__ import annotations

from collections.abc import Iterable

from tests.fuzz.target import target, text_of

from finial.console.samples import Samples, parse
from finial.runtime.metrics import Metrics, exposition
from finial.testing.clock import VirtualClock


def shown() -> Iterable[bytes]:
    metrics = Metrics("spire_server", VirtualClock(), labels={"host": 'a"b\\c'})
    metrics.calls("rpc.a").done("OK", 0.25)
    metrics.histogram("finial.delay_seconds", (0.1, 1)).add(0.5)
    yield exposition(metrics.families())


@target(
    "exposition",
    reads=("console/samples.py",),
    made=shown,
    words=(
        b"# TYPE ",
        b"{",
        b"}",
        b'le="',
        b'",',
        b"NaN",
        b"+Inf",
        b"-1e999",
        b"\\n",
        b'\\"',
        b"_bucket",
        b"_sum",
    ),
)
def read_exposition(data: bytes) -> None:
    scrape = parse(text_of(data))
    samples = Samples().next(scrape, 100.0).next(scrape, 110.0)
    for name in scrape:
        samples.total(name)
        samples.rate(name)
        samples.mean(name.removesuffix("_sum"))
        samples.quantile(name.removesuffix("_bucket"), 0.99)
