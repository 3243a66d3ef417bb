"""Formats as in fmt.Sprintf."""

from __future__ import annotations

import pytest

from finial.errors import InvalidArgument, ResourceExhausted
from finial.template.budget import Budget
from finial.template.printf import sprintf
from finial.template.values import Record


@pytest.mark.parametrize(
    ("pattern", "values", "text"),
    [("%", [], "%!(NOVERB)"), ("%v %v", [1], "1 %!v(MISSING)"), ("%s", [None], "%!s(<nil>)"), ("", [1, None], "%!(EXTRA int=1, <nil>)"),
     ("%-4d|%04d|%+04d", [7, -7, 7], "7   |-007|+007"), ("%x", ["hé"], "68c3a9"), ("% x", [b"ab"], "61 62"), ("%X", [b"\xab"], "AB"),
     ("%#q %+q", ["a`b", "é"], '"a`b" "\\u00e9"'), ("%#q", ["ab"], "`ab`"), ("%U", [0x1F600], "U+1F600"), ("%#U", [65], "U+0041 'A'"),
     ("%c", [-1], "\ufffd"), ("%.2v", ["abc"], "ab"), ("%s", [Record("r", {}, "told")], "told"), ("%d", [[1, 2]], "[1 2]"),
     ("%q", [{"a": "b"}], 'map["a":"b"]'), ("%t", [1], "%!t(int=1)"), ("%*d|%-*d|", [4, 1, 4, 1], "   1|1   |"), ("%*d|", [-4, 1], "1   |"),
     ("%05s", ["ab"], "000ab"), ("%.3d", [7], "007"), ("%.f %G", [2.6, 1e-10], "3 1E-10")],
)  # fmt: skip
def test_formats(pattern: str, values: list[object], text: str) -> None:
    assert sprintf(Budget(), pattern, values) == text


@pytest.mark.parametrize(
    ("pattern", "values"), [("%[1]d", [1]), ("%*d", ["x", 1]), ("%9999999d", [1]), ("%#v", ["x"])]
)
def test_what_is_not_supported_is_refused(pattern: str, values: list[object]) -> None:
    with pytest.raises(InvalidArgument):
        sprintf(Budget(), pattern, values)


def test_a_width_is_paid_for() -> None:
    with pytest.raises(ResourceExhausted):
        sprintf(Budget(100), "%101d", [1])
