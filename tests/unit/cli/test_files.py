from __future__ import annotations

import asyncio
import io
import os
from pathlib import Path

import pytest

from finial.cli.console import Console
from finial.cli.files import read_text, write_file
from finial.errors import FinialError, InvalidArgument, NotFound


def test_reads_a_file_or_standard_input(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("text")
    console = Console(stdin=io.StringIO("piped"))
    assert asyncio.run(read_text(str(tmp_path / "f"), console)) == "text"
    assert asyncio.run(read_text("-", console)) == "piped"


def test_errors_read_as_those_of_go(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=rf"^open {tmp_path}/absent: no such file or directory$"):
        asyncio.run(read_text(f"{tmp_path}/absent", Console()))
    with pytest.raises(InvalidArgument, match="is a directory"):
        asyncio.run(read_text(str(tmp_path), Console()))
    (tmp_path / "f").write_bytes(b"\xff")
    with pytest.raises(InvalidArgument, match="is not UTF-8 text"):
        asyncio.run(read_text(str(tmp_path / "f"), Console()))


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_writes_with_exactly_this_mode(tmp_path: Path, mode: int) -> None:
    before = os.umask(0o077)
    try:
        write_file(tmp_path / "f", b"data", mode)
    finally:
        os.umask(before)
    assert (tmp_path / "f").stat().st_mode & 0o777 == mode
    assert (tmp_path / "f").read_bytes() == b"data"


def test_a_folder_that_is_absent_is_told(tmp_path: Path) -> None:
    with pytest.raises(FinialError, match="no such file or directory") as refused:
        write_file(tmp_path / "absent" / "f", b"", 0o600)
    assert refused.value.hint == f"mkdir -p {tmp_path}/absent"
