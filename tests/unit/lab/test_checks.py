from __future__ import annotations

import pytest

from finial.lab.checks import Check, of_calls, table, unvouched
from finial.lab.topology import LAB


@pytest.mark.parametrize(
    ("wanted", "seen", "ok"),
    [
        ("200", "200", True),
        ("403", '403 "spiffe://example.org/x" may not', True),
        ("refused", "refused: unknown ca", True),
        ("refused", "200", False),
        ("no identity of a service", "spiffe://example.org/x", False),
    ],
)
def test_a_check_is_right_if_what_was_seen_begins_with_what_was_wanted(
    wanted: str, seen: str, ok: bool
) -> None:
    assert Check("x", wanted, seen).ok is ok
    assert Check("x", wanted, seen).record()["ok"] is ok


def test_a_record_is_read_back() -> None:
    check = Check("no certificate", "refused", "200")
    assert Check.of(check.record()) == check


def test_the_table_marks_what_is_wrong() -> None:
    lines = table([Check("a/health", "200", "200"), Check("no certificate", "refused", "200")]).splitlines()
    assert lines == ["ok    a/health        200      200", "FAIL  no certificate  refused  200"]


@pytest.mark.parametrize(("wrong", "ok"), [(0, True), (1, False), (10, False)])
def test_rounds_are_right_without_a_wrong_call(wrong: int, ok: bool) -> None:
    check = of_calls("web", {"ok": 4, "denied": 2, "failed": 3, "wrong": wrong})
    assert check.ok is ok
    assert check.seen == f"{wrong} wrong, 4 answered, 2 denied"


@pytest.mark.parametrize(
    ("got", "ok"),
    [
        ("no identity issued", True),
        ("spiffe://example.org/me", True),
        ("spiffe://example.org/me spiffe://example.org/ns/production/sa/payment-api", False),
        ("spiffe://example.org/ns/production/sa/verifier", False),
        ("", False),
    ],
)
def test_whoever_was_not_vouched_for_may_be_anybody_but_a_service(got: str, ok: bool) -> None:
    assert unvouched("a stranger", got, LAB).ok is ok
