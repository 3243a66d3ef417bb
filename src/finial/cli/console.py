"""Where a command writes: results to out, everything else to err; colour only on a terminal."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TextIO


@dataclass(slots=True)
class Console:
    """`program` is the name it was called by: `finial`, `spire-server` or `spire-agent`."""

    program: str = "finial"
    stdin: TextIO = field(default_factory=lambda: sys.stdin)
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    arguments: tuple[str, ...] = ()  # what followed the flags

    def out(self, text: str = "", *, end: str = "\n") -> None:
        self.stdout.write(text + end)

    def err(self, text: str = "", *, end: str = "\n") -> None:
        self.stderr.write(text + end)

    def help(self, text: str, *, end: str = "\n") -> None:
        """What was asked for by `-h`: a result, but by SPIRE's names it goes where SPIRE writes it."""
        (self.out if self.own_name else self.err)(text, end=end)

    def hint(self, text: str | None) -> None:
        """The next step, below an error; SPIRE's programs have none."""
        if text and self.own_name:
            self.err(f"hint: {text}")

    def progress(self, text: str) -> None:
        """On one line of a terminal that is written over each time; empty: the line goes away."""
        if self.interactive:
            self.stderr.write(f"\r\x1b[K{text}")
            self.stderr.flush()

    @property
    def interactive(self) -> bool:
        """A person looks at it: progress and colour make sense."""
        return self.stderr.isatty()

    @property
    def own_name(self) -> bool:
        """Called as `finial`, not by a name of SPIRE's: hints may be added to what SPIRE prints."""
        return self.program not in ("spire-server", "spire-agent")
