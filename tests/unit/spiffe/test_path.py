"""Paths: nothing is normalised, and each rule has its own words."""

from __future__ import annotations

import pytest

from finial.errors import InvalidArgument
from finial.spiffe.path import check_path


@pytest.mark.parametrize("path", ["", "/a", "/a/b", "/A-z_0.9", "/...", "/..a"])
def test_a_path_that_keeps_the_rules_is_answered_as_it_is(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a", "leading slash"),
        ("/", "trailing slash"),
        ("/a/", "trailing slash"),
        ("//a", "empty segments"),
        ("/a//b", "empty segments"),
        ("/.", "dot segments"),
        ("/a/../b", "dot segments"),
        ("/a%20b", "limited to letters"),
        ("/a b", "limited to letters"),
        ("/\u00e9", "limited to letters"),
    ],
)
def test_anything_else_is_refused(path: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        check_path(path)
