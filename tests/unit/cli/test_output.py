from __future__ import annotations

import io

import pytest

from finial.cli.console import Console
from finial.cli.output import answer, as_go_shows, read_format, to_line
from finial.errors import InvalidArgument
from finial.wire.pb.spire.api.server.bundle.v1.bundle_pb2 import CountBundlesResponse


def test_a_line_is_what_go_writes() -> None:
    assert to_line({"b": "<a&b>", "a": ["é", 1]}) == '{"a":["é",1],"b":"\\u003ca\\u0026b\\u003e"}'


def test_nulls_are_left_out_at_every_depth() -> None:
    assert as_go_shows({"a": None, "b": [{"c": None, "d": 0}]}) == {"b": [{"d": 0}]}


@pytest.mark.parametrize(("output", "text"), [("pretty", "one\ntwo\n"), ("json", '{"count":2}\n')])
def test_an_answer_is_lines_for_people_and_json_for_programs(
    console: Console, output: str, text: str
) -> None:
    assert isinstance(console.stdout, io.StringIO)
    assert answer(console, output, CountBundlesResponse(count=2), ["one", "two"]) == 0
    assert console.stdout.getvalue() == text


def test_only_known_formats() -> None:
    assert read_format("json") == "json"
    with pytest.raises(InvalidArgument, match='unknown format option: "yaml"'):
        read_format("yaml")
