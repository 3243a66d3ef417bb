"""When a credential is renewed: at half of its life, or another share of it, give or take a tenth of the shorter
part. Pure.

The spread keeps agents that started together from renewing together. It is drawn once for each
credential, so that asking twice answers the same. SPIRE 1.15 `pkg/common/rotationutil`.
"""

from __future__ import annotations

from collections.abc import Callable

GRACE = 12 * 3600.0  # an availability target counts only if the lifetime is longer by more than this
TARGET_SPREAD = 600.0

HALF = 0.5

Draw = Callable[[float, float], float]  # random.uniform


def renewal_time(
    not_before: float,
    not_after: float,
    now: float,
    draw: Draw,
    availability_target: float = 0.0,
    share: float = HALF,
) -> float:
    """Unix seconds. `availability_target` is how many seconds of validity the operator wants to have
    left at any time, should the server be away; 0: not set. `share`: of the life, how much passes before.

    Never before a quarter of what is left `now`, or six hours: certificates begin ten seconds in the past, so half
    of a life of seconds may be over at birth, and a loop of renewals would follow.
    """
    planned = _planned(not_before, not_after, draw, availability_target, share)
    return max(planned, now + min((not_after - now) / 4, GRACE / 2))


def _planned(
    not_before: float, not_after: float, draw: Draw, availability_target: float, share: float
) -> float:
    lifetime = not_after - not_before
    if availability_target and lifetime - availability_target > GRACE:
        return not_after - availability_target - draw(0.0, TARGET_SPREAD)
    spread = lifetime * min(share, 1 - share) / 10
    left = lifetime * (1 - share)
    return not_after - draw(left - spread, left + spread)
