"""Values, rates and quantiles out of two scrapes."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from finial.console.samples import Samples, parse, rpc_methods
from finial.errors import InvalidArgument
from finial.runtime.metrics import Metrics, exposition
from finial.testing.clock import VirtualClock


def scraped(*scrapes: tuple[str, float]) -> Samples:
    samples = Samples()
    for text, at in scrapes:
        samples = samples.next(parse(text), at)
    return samples


CALLS = '# TYPE calls counter\ncalls{method="a",status="OK"} %d\ncalls{method="b",status="NotFound"} %d\n'


def test_totals_and_rates_are_sums_over_what_is_not_named() -> None:
    samples = scraped((CALLS % (10, 5), 100), (CALLS % (30, 15), 110))
    assert samples.total("calls") == 45
    assert samples.total("calls", status="OK") == 30
    assert samples.rate("calls") == 3
    assert samples.rate("calls", method="b") == 1
    assert samples.by("calls", "status") == {"OK": 30, "NotFound": 15}


def test_a_name_nobody_shows_has_no_value() -> None:
    samples = scraped((CALLS % (1, 1), 100))
    assert samples.total("other") is None
    assert samples.rate("other") is None
    assert samples.rate("calls") is None
    assert samples.total("calls", method="z") is None


def test_a_counter_that_began_anew_counts_from_zero() -> None:
    assert scraped((CALLS % (100, 0), 100), (CALLS % (20, 0), 110)).rate("calls", method="a") == 2


def test_means_and_quantiles_are_of_what_came_since() -> None:
    clock = VirtualClock()
    metrics = Metrics("s", clock)
    delay = metrics.histogram("finial.delay_seconds", (0.01, 0.1, 1))
    for _ in range(100):
        delay.add(0.5)
    first = exposition(metrics.families()).decode()
    for value in (0.005, 0.005, 0.05, 0.05):
        delay.add(value)
    samples = scraped((first, 100), (exposition(metrics.families()).decode(), 110))
    assert samples.quantile("finial_delay_seconds", 0.5) == 0.01
    assert samples.quantile("finial_delay_seconds", 0.99) == 0.1
    assert samples.mean("finial_delay_seconds") == pytest.approx(0.0275)
    assert samples.quantile("other", 0.5) is None
    still = samples.next(samples.now, 120)
    assert still.quantile("finial_delay_seconds", 0.5) is None
    assert still.mean("finial_delay_seconds") == pytest.approx(50.11 / 104)


@pytest.mark.parametrize("label", ['e="1"', 'le="0.# TYPE"', 'le="NaN"', 'le=""'])
def test_a_bucket_without_a_bound_is_none(label: str) -> None:
    samples = scraped((f"d_bucket{{{label}}} 1\n", 100), (f"d_bucket{{{label}}} 2\n", 110))
    assert samples.quantile("d", 0.5) is None


def test_rpcs_are_found_by_their_names() -> None:
    metrics = Metrics("spire_server", VirtualClock())
    metrics.calls("rpc.entry.v1.entry.list_entries").done("OK", 1)
    samples = scraped((exposition(metrics.families()).decode(), 100))
    assert list(rpc_methods(samples, "spire_server")) == ["spire_server_rpc_entry_v1_entry_list_entries"]


@pytest.mark.parametrize("text", ["<html>", "a{b=c} 1\n", "a 1 2 3\n", 'a{b="c} 1\n', "a x\n", "a\n"])
def test_what_is_no_exposition_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="metrics: "):
        parse(text)


def test_labels_are_read_as_prometheus_reads_them() -> None:
    text = '# HELP a b\na{x="q\\"\\\\\\n",y="}, z=\\"",} 1.5e3 1700000000000\na{} NaN\n'
    found = parse(text)["a"]
    assert found[("x", 'q"\\\n'), ("y", '}, z="')] == 1500
    assert set(found) == {(("x", 'q"\\\n'), ("y", '}, z="')), ()}
    [family] = text_string_to_metric_families(text)
    assert {tuple(sorted(one.labels.items())) for one in family.samples} == set(found)


@given(st.text(max_size=200))
def test_any_text_is_an_exposition_or_an_error_of_ours(text: str) -> None:
    with suppress(InvalidArgument):
        parse(text)
