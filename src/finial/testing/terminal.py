"""A program on a terminal, as a person uses it: keys go in, and what the screen was given comes out.

In: a command line. Out: text without the terminal's control sequences. Waits for what is awaited, never for
a time; everything ends with the `with`.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from finial.runtime.clock import SystemClock

CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[=>]|[\x07\r]")
LIMIT = 20.0  # seconds for what is awaited


@dataclass(slots=True)
class Terminal:
    _keyboard: int
    _process: subprocess.Popen[bytes]
    _seen: str = ""

    def type(self, keys: str) -> None:
        """What was on the screen before is forgotten."""
        self._seen = ""
        os.write(self._keyboard, keys.encode())

    def until(self, text: str) -> str:
        """All that was shown since the last keys, once `text` is among it. Raises: AssertionError."""
        clock = SystemClock()
        end = clock.monotonic() + LIMIT
        while text not in self.shown:
            left = end - clock.monotonic()
            assert left > 0, f"waited for {text!r}, and saw {self.shown!r}"
            if select.select([self._keyboard], [], [], left)[0]:
                self._seen += os.read(self._keyboard, 65536).decode(errors="replace")
        return self.shown

    @property
    def shown(self) -> str:
        return CONTROL.sub("", self._seen)


@contextmanager
def terminal(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Iterator[Terminal]:
    """The program in a session of its own, killed at the end."""
    keyboard, screen = os.openpty()
    try:
        with subprocess.Popen(
            command,
            stdin=screen,
            stdout=screen,
            stderr=screen,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        ) as process:
            try:
                yield Terminal(keyboard, process)
            finally:
                process.kill()
    finally:
        os.close(keyboard)
        os.close(screen)
