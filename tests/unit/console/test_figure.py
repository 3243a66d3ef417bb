"""A figure says where it comes from, or why there is none."""

from __future__ import annotations

from finial.console.figure import Figure, Missing, Origin, Source, missing

CALLS = Source(Origin.METRIC, "spire_server_rpc_entry_v1_entry_list_entries")


def test_a_figure_has_its_value_unit_source_and_age() -> None:
    assert Figure(CALLS, 100.0, 2.9, "ms").record(101.25) == {
        "value": 2.9,
        "unit": "ms",
        "source": "metric: spire_server_rpc_entry_v1_entry_list_entries",
        "age": 1.25,
    }


def test_a_true_zero_is_a_figure() -> None:
    assert Figure(CALLS, 100.0, 0).record(100.0)["value"] == 0


def test_what_is_not_there_has_a_reason_and_no_value() -> None:
    record = missing(CALLS, Missing.NO_EXPORTER, 100.0).record(100.0)
    assert record["missing"] == "no exporter"
    assert "value" not in record
    assert Figure(CALLS, 100.0).record(100.0)["missing"] == "not measured yet"
