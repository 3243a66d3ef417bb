"""When a credential is renewed: at half of its life, give or take a tenth of that half. Pure.

The spread keeps agents that started together from renewing together. It is drawn once for each
credential, so that asking twice answers the same. SPIRE 1.15 `pkg/common/rotationutil`.
"""

from __future__ import annotations

from collections.abc import Callable

GRACE = 12 * 3600.0  # an availability target counts only if the lifetime is longer by more than this
TARGET_SPREAD = 600.0

Draw = Callable[[float, float], float]  # random.uniform


def renewal_time(
    not_before: float, not_after: float, now: float, draw: Draw, availability_target: float = 0.0
) -> float:
    """Unix seconds. `availability_target` is how many seconds of validity the operator wants to have
    left at any time, should the server be away; 0: not set.

    Never before a quarter of what is left `now`: certificates begin ten seconds in the past, so half of a
    life of seconds may be over at birth, and a loop of renewals would follow.
    """
    return max(_half_life(not_before, not_after, draw, availability_target), now + (not_after - now) / 4)


def _half_life(not_before: float, not_after: float, draw: Draw, availability_target: float) -> float:
    lifetime = not_after - not_before
    if availability_target and lifetime - availability_target > GRACE:
        return not_after - availability_target - draw(0.0, TARGET_SPREAD)
    half = lifetime / 2
    return not_after - draw(half * 0.9, half * 1.1)
