"""What is told of a metric."""

from __future__ import annotations

import re

import pytest

from finial.runtime.metrics.catalogue import AGENT, BOTH, KNOWN, SERVER, described, meaning_of
from finial.runtime.metrics.instruments import Type


@pytest.mark.parametrize(
    ("key", "meaning"),
    [
        ("svid.rotate", "The server's own SVID is renewed."),
        ("svid.rotate.elapsed_time", "Milliseconds. The server's own SVID is renewed."),
        (
            "rpc.workload_api.fetch_x509svid",
            "Calls of an API's method that ended: workload_api.fetch_x509svid.",
        ),
        ("never.heard", ""),
    ],
)
def test_meaning(key: str, meaning: str) -> None:
    assert meaning_of(key) == meaning


def test_each_key_is_described_once() -> None:
    assert len(KNOWN) == len(BOTH) + len(SERVER) + len(AGENT)


@pytest.mark.parametrize("one", [one for key, one in KNOWN.items() if key.startswith("finial.")])
def test_our_own_names_follow_prometheus(one: object) -> None:
    found = described(one.key)  # type: ignore[attr-defined]
    assert found is not None
    assert re.fullmatch(r"finial\.[a-z0-9_]+", found.key)
    assert not found.calls
    assert found.key.endswith("_total") == (found.kind is Type.COUNTER)
    assert found.kind is not Type.HISTOGRAM or found.key.endswith("_seconds")
