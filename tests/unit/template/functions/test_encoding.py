"""Digests and encodings."""

from __future__ import annotations

import pytest

from finial.template.budget import Budget
from finial.template.functions import FUNCTIONS


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("b64dec", ["/w=="], "\udcff"),
        ("b64enc", ["\udcff"], "/w=="),
        ("b32dec", ["!"], "illegal base32 data at input byte 0"),
        ("adler32sum", [""], "1"),
        ("sha1sum", [""], "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ],
)
def test_results(name: str, arguments: list[object], result: object) -> None:
    assert FUNCTIONS[name](Budget(), arguments) == result
