"""The text as Prometheus' own parser reads it back."""

from __future__ import annotations

import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from finial.runtime.metrics.exposition import exposition, number
from finial.runtime.metrics.registry import Metrics
from finial.testing.clock import VirtualClock


def text_of(found: Metrics) -> str:
    return exposition(found.families()).decode()


def test_a_call_reads_as_a_stock_server_writes_it() -> None:
    found = Metrics("spire_server", VirtualClock(), labels={"host": "node-1"})
    found.calls("rpc.agent.v1.agent.attest_agent").done("OK", 0.0125)
    name = "spire_server_rpc_agent_v1_agent_attest_agent"
    meaning = "Calls of an API's method that ended: agent.v1.agent.attest_agent."
    assert text_of(found) == (
        f"# HELP {name} {meaning}\n"
        f"# TYPE {name} counter\n"
        f'{name}{{host="node-1",status="OK"}} 1\n'
        f"# HELP {name}_elapsed_time Milliseconds. {meaning}\n"
        f"# TYPE {name}_elapsed_time summary\n"
        f'{name}_elapsed_time{{host="node-1",status="OK",quantile="0.5"}} 12.5\n'
        f'{name}_elapsed_time{{host="node-1",status="OK",quantile="0.9"}} 12.5\n'
        f'{name}_elapsed_time{{host="node-1",status="OK",quantile="0.99"}} 12.5\n'
        f'{name}_elapsed_time_sum{{host="node-1",status="OK"}} 12.5\n'
        f'{name}_elapsed_time_count{{host="node-1",status="OK"}} 1\n'
    )


def test_odd_label_values_are_read_back_as_they_were() -> None:
    odd = 'a "b"\\c\nd'
    found = Metrics("s", VirtualClock(), labels={"host": odd})
    found.gauge("started").set(1)
    [family] = text_string_to_metric_families(text_of(found))
    assert family.samples[0].labels == {"host": odd}


def test_a_histogram_is_read_back() -> None:
    found = Metrics("s", VirtualClock())
    delay = found.histogram("finial.propagation_seconds", (0.1, 1))
    for value in (0.05, 0.5, 5):
        delay.add(value)
    [family] = text_string_to_metric_families(text_of(found))
    assert (family.type, family.documentation) == (
        "histogram",
        "From a change in the index to the word of an agent that has it in force.",
    )
    assert [(one.labels.get("le"), one.value) for one in family.samples] == [
        ("0.1", 1),
        ("1", 2),
        ("+Inf", 3),
        (None, 5.55),
        (None, 3),
    ]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (3.0, "3"),
        (0.5, "0.5"),
        (-2.0, "-2"),
        (1e20, "1e+20"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_numbers(value: float, written: str) -> None:
    assert number(value) == written
