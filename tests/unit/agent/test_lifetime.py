"""Renewal times."""

from __future__ import annotations

import pytest

from finial.agent.lifetime import Draw, renewal_time

HOUR = 3600.0


@pytest.mark.parametrize(
    ("spread", "expected"),
    [(lambda low, high: low, 0.55), (lambda low, high: high, 0.45)],
    ids=["latest", "earliest"],
)
def test_half_of_life_give_or_take_a_tenth_of_it(spread: Draw, expected: float) -> None:
    assert renewal_time(0, HOUR, 0, spread) == pytest.approx(expected * HOUR)


def test_availability_target_counts_for_long_lives() -> None:
    assert renewal_time(0, 48 * HOUR, 0, lambda low, high: high, 24 * HOUR) == 24 * HOUR - 600


DAY = 24 * HOUR
LIVES = (30.0, 60.0, HOUR, 12 * HOUR, DAY, 7 * DAY, 30 * DAY)
TARGETS = (0.0, HOUR, DAY, 29 * DAY)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("edge", [min, max], ids=["latest", "earliest"])
def test_a_target_at_any_life_is_kept_where_half_a_day_is_left_beside_it(
    edge: Draw, life: float, target: float
) -> None:
    """And whatever the target, there is time to use an SVID and time to renew it."""
    when = renewal_time(-10, life, 0, edge, target)
    assert life / 4 <= when <= 0.56 * (life + 10) or life - when >= target > 0
    assert 0 < when < life
    if target and life + 10 - target > 12 * HOUR:
        assert target <= life - when <= target + 600


def test_availability_target_is_left_out_where_life_is_too_short_for_it() -> None:
    assert renewal_time(0, 36 * HOUR, 0, lambda low, high: low, 24 * HOUR) == pytest.approx(0.55 * 36 * HOUR)


@pytest.mark.parametrize(("share", "spread"), [(0.3, 0.03), (0.5, 0.05), (0.8, 0.02)])
def test_another_share_of_life_moves_the_renewal(share: float, spread: float) -> None:
    earliest = renewal_time(0, HOUR, 0, lambda low, high: high, share=share)
    latest = renewal_time(0, HOUR, 0, lambda low, high: low, share=share)
    assert earliest == pytest.approx((share - spread) * HOUR)
    assert latest == pytest.approx((share + spread) * HOUR)


def test_what_is_half_over_at_birth_still_lives_for_a_quarter_of_the_rest() -> None:
    assert renewal_time(-10, 2, 0, lambda low, high: high) == 0.5
