"""Files that a command reads or writes, with errors in the words of Go's `os` package."""

from __future__ import annotations

import os
from pathlib import Path

from finial.cli.console import Console
from finial.errors import FinialError, InvalidArgument, NotFound


async def read_text(path: str, console: Console) -> str:
    """The whole file; `-` is standard input. Raises: NotFound or InvalidArgument, "open PATH: why"."""
    if path == "-":
        return console.stdin.read()
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as why:
        raise as_go_prints(why, path) from why
    except UnicodeDecodeError as why:
        raise InvalidArgument(f'"{path}" is not UTF-8 text') from why


def write_file(path: Path, data: bytes, mode: int) -> None:
    """With this mode whatever the umask. Raises as `read_text`."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with open(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
    except OSError as why:
        wrong = as_go_prints(why, str(path))
        absent = isinstance(why, FileNotFoundError) and not path.parent.exists()
        raise type(wrong)(wrong.message, hint=f"mkdir -p {path.parent}" if absent else None) from why


def as_go_prints(why: OSError, path: str) -> FinialError:
    """`open PATH: no such file or directory`."""
    kind = NotFound if isinstance(why, FileNotFoundError) else InvalidArgument
    return kind(f"open {path}: {(why.strerror or str(why)).lower()}")
