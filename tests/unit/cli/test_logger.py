from __future__ import annotations

import pytest

from finial.cli.logger import read_level, shown
from finial.errors import InvalidArgument
from finial.wire.pb.spire.api.types.logger_pb2 import INFO, WARN, Logger


@pytest.mark.parametrize(("text", "name"), [("debug", "DEBUG"), ("Warning", "WARN"), ("warn", "WARN")])
def test_levels_in_any_letters(text: str, name: str) -> None:
    assert read_level(text) == name


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "a value (-level) must be set"),
        ("nope", 'the value "nope" is not a valid setting'),
        ("unspecified", 'the value "unspecified" is not a valid setting'),
    ],
)
def test_other_levels_are_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_level(text)
    assert caught.value.message == why


def test_levels_are_shown_as_they_stand_in_the_log() -> None:
    lines = shown(Logger(current_level=WARN, launch_level=INFO))
    assert lines == ["Logger Level : warning", "Launch Level : info", ""]
