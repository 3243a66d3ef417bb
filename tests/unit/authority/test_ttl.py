"""Lifetimes that fit together, and SPIRE's words for those that do not."""

from __future__ import annotations

import pytest

from finial.authority.ttl import LARGEST, Lifetimes, Misfit, largest_svid_ttl, short, smallest_ca_ttl

DAY = 86_400


def test_bounds() -> None:
    assert largest_svid_ttl(DAY) == 4 * 3600
    assert largest_svid_ttl(365 * DAY) == LARGEST
    assert smallest_ca_ttl(3600) == 6 * 3600


def test_a_sixth_fits_and_a_second_more_does_not() -> None:
    assert Lifetimes(DAY, {"a": 14_400, "b": 300, "unset": 0}).misfits() == ()
    assert Lifetimes(DAY, {"a": 14_401, "b": 300}).misfits() == (Misfit("a", 14_401, DAY),)


def test_consistent_sets() -> None:
    asked = Lifetimes(3600, {"x": 7200, "y": 60, "z": 30 * DAY})
    assert asked.with_shorter_svids() == Lifetimes(3600, {"x": 600, "y": 60, "z": 600})
    assert asked.with_longer_ca() == Lifetimes(42 * DAY, {"x": 7200, "y": 60, "z": LARGEST})
    assert Lifetimes(60, {}).with_longer_ca() == Lifetimes(60, {})


WARNINGS = {
    "CA too short": (
        7200, 3600,
        "x is too high for the configured ca_ttl value. SVIDs with shorter lifetimes may be issued. Please set x "
        "to 10m or less, or the ca_ttl to 12h or more, to guarantee the full x lifetime when CA rotations are "
        "scheduled.",
    ),
    "both": (
        8 * DAY, DAY,
        "x is too high and the ca_ttl is too low. SVIDs with shorter lifetimes may be issued. Please set x to 168h "
        "or less, and the ca_ttl to 1008h or more, to guarantee the full x lifetime when CA rotations are scheduled.",
    ),
    "SVID too long": (
        8 * DAY, 365 * DAY,
        "x is too high. SVIDs with shorter lifetimes may be issued. Please set x to 168h or less to guarantee the "
        "full x lifetime when CA rotations are scheduled.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WARNINGS)
def test_warnings_are_spires(case: str) -> None:
    ttl, ca_ttl, text = WARNINGS[case]
    assert Misfit("x", ttl, ca_ttl).warning() == text


def test_a_refusal_names_what_fits_and_what_to_raise() -> None:
    assert Misfit("x", 7200, 3600).refusal() == (
        "x of 2h does not fit a ca_ttl of 1h: set x to 10m or less, or ca_ttl to 12h or more"
    )
    assert (
        Misfit("x", 8 * DAY, 3600).refusal() == "x of 192h does not fit a ca_ttl of 1h: set x to 10m or less"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (60, "1m"), (90, "1m30s"), (3600, "1h"), (5400, "1h30m"), (3601, "1h0m1s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert short(seconds) == text
