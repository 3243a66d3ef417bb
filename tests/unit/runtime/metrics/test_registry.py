"""One series for each set of labels, however often it is asked for; what is filtered leaves no trace."""

from __future__ import annotations

import asyncio

import pytest

from finial.errors import Internal
from finial.runtime.metrics.instruments import Histogram, Push, Type
from finial.runtime.metrics.names import Filter
from finial.runtime.metrics.registry import MAX_SERIES, OVERFLOW, READ_EVERY, Labels, Metrics
from finial.runtime.tasks import Tasks
from finial.testing.clock import VirtualClock


class Told:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, Labels, float]] = []

    def open(self, kind: Type, key: str, labels: Labels) -> Push:
        return lambda value: self.lines.append((kind.value, key, labels, value))


def metrics(sink: Told | None = None, **chosen: list[str]) -> Metrics:
    return Metrics(
        "spire_server",
        VirtualClock(),
        labels={"host": "node-1"},
        kept=Filter(**chosen),
        sinks=[sink] if sink else [],
    )


def test_the_same_labels_are_the_same_series() -> None:
    found = metrics()
    found.counter("node.count", status="OK").add()
    found.counter("node.count", status="OK").add()
    found.counter("node.count", status="NotFound").add()
    [family] = found.families()
    assert family.key == "spire_server.node.count"
    assert {labels: one.value for labels, one in family.series.items()} == {  # type: ignore[union-attr]
        (("status", "OK"), ("host", "node-1")): 2,
        (("status", "NotFound"), ("host", "node-1")): 1,
    }


def test_our_own_names_take_no_prefix_and_families_are_sorted() -> None:
    found = metrics()
    found.gauge("uptime_in_ms").set(1)
    found.counter("finial.svid_issuance_total").add()
    assert [family.key for family in found.families()] == [
        "finial.svid_issuance_total",
        "spire_server.uptime_in_ms",
    ]


def test_labels_are_made_words_but_the_common_ones_stay() -> None:
    found = Metrics("s", VirtualClock(), labels={"host": "a.example"})
    found.counter("fetch", trust_domain_id="example.org").add()
    [family] = found.families()
    assert list(family.series) == [(("trust_domain_id", "example_org"), ("host", "a.example"))]


def test_labels_of_our_own_are_as_they_are() -> None:
    found = Metrics("s", VirtualClock())
    found.counter("finial.svid_issuance_total", spiffe_id="spiffe://example.org/a").add()
    [family] = found.families()
    assert list(family.series) == [(("spiffe_id", "spiffe://example.org/a"),)]


def test_what_is_timed_is_a_histogram_of_seconds_by_status() -> None:
    found = Metrics("s", VirtualClock())
    found.timed("finial.node_attestation_seconds", method="join_token").done("OK", 0.02)
    [family] = found.families()
    assert (family.key, family.help) == ("finial.node_attestation_seconds", "Attestations of nodes.")
    [(labels, one)] = family.series.items()
    assert labels == (("method", "join_token"), ("status", "OK"))
    assert isinstance(one, Histogram)
    assert (one.count, one.sum) == (1, 0.02)


def test_what_is_blocked_is_counted_nowhere() -> None:
    sink = Told()
    found = metrics(sink, blocked_prefixes=["spire_server.rpc"])
    found.counter("rpc.a").add()
    found.calls("rpc.b").done("OK", 1)
    assert not list(found.families())
    assert not sink.lines


def test_series_that_differ_in_a_blocked_label_are_one() -> None:
    found = metrics(blocked_labels=["host", "attestor"])
    found.counter("attest", attestor="k8s").add()
    found.counter("attest", attestor="unix").add()
    [family] = found.families()
    assert [one.value for one in family.series.values()] == [2]  # type: ignore[union-attr]


def test_a_family_cannot_grow_without_bound() -> None:
    found = metrics()
    for number in range(MAX_SERIES + 10):
        found.counter("issued", spiffe_id=str(number)).add()
    [family] = found.families()
    assert len(family.series) == MAX_SERIES + 1
    assert family.series[("spiffe_id", OVERFLOW), ("host", "node-1")].value == 10  # type: ignore[union-attr]


def test_what_is_told_by_one_label_comes_and_goes_with_its_source() -> None:
    found = metrics()
    left = {"a": 3.0, "b": 5.0}
    found.gauge_each("finial.svid_expiration_seconds", "spiffe_id", left.items)
    assert values(found) == {"a": 3.0, "b": 5.0}
    del left["a"]
    left["c"] = 7.0
    assert values(found) == {"b": 5.0, "c": 7.0}
    left.update({str(number): 0.0 for number in range(MAX_SERIES)})
    assert len(values(found)) == MAX_SERIES


def values(found: Metrics) -> dict[str, float]:
    [family] = found.families()
    return {dict(labels)["spiffe_id"]: one.value for labels, one in family.series.items()}  # type: ignore[union-attr]


def test_one_name_is_of_one_type() -> None:
    found = metrics()
    found.counter("a")
    with pytest.raises(Internal, match='metric "spire_server.a" is a counter and was asked for as a gauge'):
        found.gauge("a")


def test_sinks_hear_each_change_and_read_gauges_each_ten_seconds() -> None:
    async def scenario() -> None:
        clock, sink = VirtualClock(), Told()
        found = Metrics("s", clock, sinks=[sink])
        found.gauge("set").set(5)
        found.gauge("read").read(lambda: 7.0)
        found.calls("call").done("OK", 0.002)
        async with Tasks() as tasks:
            tasks.start(found.run(), name="gauges")
            await clock.advance(READ_EVERY * 2)
        ok = (("status", "OK"),)
        assert sink.lines == [
            ("gauge", "s.set", (), 5),
            ("counter", "s.call", ok, 1),
            ("summary", "s.call.elapsed_time", ok, 2),
            ("gauge", "s.read", (), 7),
            ("gauge", "s.read", (), 7),
        ]

    asyncio.run(scenario())


def test_without_sinks_there_is_nothing_to_run() -> None:
    asyncio.run(asyncio.wait_for(metrics().run(), 1))
