from __future__ import annotations

import pytest

from finial.cli.output import as_go_shows, read_format, to_line
from finial.errors import InvalidArgument


def test_a_line_is_what_go_writes() -> None:
    assert to_line({"b": "<a&b>", "a": ["é", 1]}) == '{"a":["é",1],"b":"\\u003ca\\u0026b\\u003e"}'


def test_nulls_are_left_out_at_every_depth() -> None:
    assert as_go_shows({"a": None, "b": [{"c": None, "d": 0}]}) == {"b": [{"d": 0}]}


def test_only_known_formats() -> None:
    assert read_format("json") == "json"
    with pytest.raises(InvalidArgument, match='unknown format option: "yaml"'):
        read_format("yaml")
