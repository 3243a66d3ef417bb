from __future__ import annotations

import pytest

from finial.cli.durations import read_duration
from finial.errors import InvalidArgument


def test_reads_what_go_reads() -> None:
    assert read_duration("1m30s") == 90.0


@pytest.mark.parametrize("text", ["", "60", "nope"])
def test_the_reason_is_that_of_go_flags(text: str) -> None:
    with pytest.raises(InvalidArgument, match="^parse error$"):
        read_duration(text)
