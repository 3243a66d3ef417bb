from __future__ import annotations

import pytest

from finial.cli.reload import lines, refusal_of, verdict
from finial.errors import FailedPrecondition, InvalidArgument
from finial.wire.pb.finial.configuration.v1.configuration_pb2 import Difference, ReloadResponse

LIVE = Difference(option="server.ca_ttl", old="24h0m0s", new="48h0m0s", place="server.conf:4:3")
FIXED = Difference(option="server.jwt_issuer", old="i", new="(not set)", needs_restart=True)


def test_each_difference_has_a_line_with_when_and_where() -> None:
    assert list(lines(ReloadResponse(differences=[LIVE, FIXED]))) == [
        "at once          server.ca_ttl: 24h0m0s -> 48h0m0s  (server.conf:4:3)",
        "needs a restart  server.jwt_issuer: i -> (not set)",
    ]
    assert list(lines(ReloadResponse())) == []


@pytest.mark.parametrize(
    ("differences", "dry_run", "told"),
    [
        ([], False, "The file says what is in force: nothing to change."),
        ([], True, "The file says what is in force: nothing to change."),
        ([LIVE], True, "Nothing was changed: a reload would make 1 change."),
        ([LIVE, LIVE], False, "Reloaded: 2 changes in force."),
    ],
)
def test_the_last_line_tells_what_came_of_it(differences: list[Difference], dry_run: bool, told: str) -> None:
    answer = ReloadResponse(differences=differences)
    assert refusal_of(answer) is None
    assert verdict(answer, dry_run=dry_run) == told


def test_a_refusal_says_that_nothing_was_changed_and_what_to_do() -> None:
    refusal = refusal_of(ReloadResponse(differences=[LIVE, FIXED]))
    assert isinstance(refusal, FailedPrecondition)
    assert refusal.message == "nothing was changed: 1 of 2 changes needs a restart"
    assert "restart to use the file" in (refusal.hint or "")


def test_a_file_that_cannot_be_used_is_refused_with_the_reason() -> None:
    refusal = refusal_of(ReloadResponse(problem="server.conf:4:3: no"))
    assert isinstance(refusal, InvalidArgument)
    assert refusal.message == "the file cannot be used, nothing was changed: server.conf:4:3: no"
