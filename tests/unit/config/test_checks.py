from __future__ import annotations

from datetime import timedelta

import pytest

from finial.config.checks import feature_flags, key_type, not_negative, positive
from finial.errors import InvalidArgument


def test_positive_refuses_zero_and_less() -> None:
    check = positive("ttl")
    assert check(timedelta(seconds=1)) == timedelta(seconds=1)
    for wrong in (timedelta(), timedelta(seconds=-1)):
        with pytest.raises(InvalidArgument, match=r"^ttl must be more than zero$"):
            check(wrong)


def test_not_negative_takes_zero() -> None:
    assert not_negative("no")(0) == 0
    with pytest.raises(InvalidArgument, match=r"^no$"):
        not_negative("no")(-1)


def test_key_types_are_the_words_given() -> None:
    assert key_type("ec-p256", "ec-p384")("ec-p384") == "ec-p384"
    with pytest.raises(InvalidArgument) as caught:
        key_type("ec-p256", "ec-p384")("rsa-1024")
    assert str(caught.value) == 'key type "rsa-1024" is unknown; must be one of [ec-p256, ec-p384]'


def test_feature_flags_are_those_of_spire() -> None:
    assert feature_flags(("wit-svid",)) == ("wit-svid",)
    with pytest.raises(InvalidArgument) as caught:
        feature_flags(("wit-svid", "b", "a"))
    assert str(caught.value) == "error loading feature flags: unknown feature flag(s): [a b]"
