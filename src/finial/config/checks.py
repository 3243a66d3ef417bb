"""Parsers and checks that several options share. Each raises InvalidArgument in SPIRE's words where it has some."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from finial.config.options import one_of
from finial.errors import InvalidArgument

C = TypeVar("C")
FEATURE_FLAGS = frozenset({"wit-svid", "i_am_a_test_flag"})
MAX_PORT = 65535


def positive(name: str) -> Callable[[C], C]:
    """A check that a duration or number is more than zero."""

    def check(value: C) -> C:
        if value <= type(value)():  # type: ignore[operator]  # timedelta or int
            raise InvalidArgument(f"{name} must be more than zero")
        return value

    return check


def not_negative(sentence: str) -> Callable[[int], int]:
    def check(value: int) -> int:
        if value < 0:
            raise InvalidArgument(sentence)
        return value

    return check


def key_type(*words: str) -> Callable[[str], str]:
    """A parser of SPIRE's key type words."""
    return one_of(*words, sentence=f'key type "{{}}" is unknown; must be one of [{", ".join(words)}]')


def feature_flags(names: tuple[str, ...]) -> tuple[str, ...]:
    """Raises: InvalidArgument for a flag that SPIRE does not know either."""
    unknown = sorted(set(names) - FEATURE_FLAGS)
    if unknown:
        raise InvalidArgument(f"error loading feature flags: unknown feature flag(s): [{' '.join(unknown)}]")
    return names
