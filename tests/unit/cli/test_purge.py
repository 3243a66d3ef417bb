from __future__ import annotations

import pytest

from finial.cli.purge import Purged, purged_text

GONE, KEPT = Purged("spiffe://a/one", deleted=True), Purged("spiffe://a/two", error="why")


@pytest.mark.parametrize(
    ("agents", "dry_run", "lines"),
    [
        ([], False, ["No agents to purge."]),
        (
            [KEPT],
            True,
            ["Found 1 expired agent\n", "\nAgents that can be purged:", "SPIFFE ID         : spiffe://a/two"],
        ),
        ([GONE], False, ["Found 1 expired agent\n", "Agents purged:", "SPIFFE ID         : spiffe://a/one"]),
        (
            [GONE, KEPT],
            False,
            [
                "Found 2 expired agents\n",
                "Agents purged:",
                "SPIFFE ID         : spiffe://a/one",
                "Agents not purged:",
                "SPIFFE ID         : spiffe://a/two",
                "Error             : why",
            ],
        ),
    ],
)
def test_what_was_purged_is_told(agents: list[Purged], dry_run: bool, lines: list[str]) -> None:
    assert list(purged_text(agents, dry_run=dry_run)) == lines


def test_an_error_is_part_of_the_json_only_if_there_is_one() -> None:
    assert GONE.as_json() == {"agent_id": "spiffe://a/one", "deleted": True}
    assert KEPT.as_json() == {"agent_id": "spiffe://a/two", "deleted": False, "error": "why"}
