"""The record: what programs and the page read."""

from __future__ import annotations

import json

from finial.doctor.explain import Fault, explain
from finial.testing.seeded_faults import SEEDS, healthy


def test_a_record_is_plain_json_with_all_that_is_told() -> None:
    record = json.loads(json.dumps(explain(SEEDS[Fault.ALIAS_SHORT](healthy())).record()))
    assert record["faults"] == ["node selector short"]
    assert record["steps"][3] == {
        "name": "parent chain",
        "verdict": "broke here",
        "says": "spiffe://example.org/zone-b",
    }
    assert record["candidates"][0]["broken_at"] == "spiffe://example.org/zone-b"
    assert record["candidates"][0]["lacks"] == []
    assert record["remedy"]["effect"].startswith("gives this agent spiffe://example.org/web")


def test_without_a_fault_there_is_no_remedy() -> None:
    record = explain(healthy()).record()
    assert record["remedy"] is None
    assert record["identities"] == ["spiffe://example.org/web"]
