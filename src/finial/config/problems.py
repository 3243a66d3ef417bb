"""What is wrong with a configuration: every fault with its place, told together.

The first line of the error is the sentence SPIRE would have printed; each problem then has a line of its
own with file, line and column.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from finial.config.tree import Position
from finial.errors import InvalidArgument


class Fault(IntEnum):
    """In the order in which SPIRE would notice them: the lowest gives the first line."""

    SYNTAX = 0
    TYPE = 1
    UNKNOWN_KEY = 2
    VALUE = 3
    REFUSED = 4


@dataclass(frozen=True, slots=True)
class Problem:
    """`hint` is the next step for a person. `section` and `key` are what SPIRE logs for an unknown key."""

    fault: Fault
    at: Position
    text: str
    hint: str = ""
    section: str = ""
    key: str = ""


class ConfigError(InvalidArgument):
    """A configuration that is not used. Caught by `run` and `validate`, which log `unknown_keys` as SPIRE does."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n  ".join([self.sentence, *map(self._line, self.problems)]))

    def within(self, what: str) -> InvalidArgument:
        outer = InvalidArgument(f"{what}: {self.message}")
        outer.__cause__ = self
        return outer

    @property
    def sentence(self) -> str:
        """SPIRE's sentence, without our places."""
        first = min(self.problems, key=lambda one: one.fault)
        if first.fault is Fault.UNKNOWN_KEY:
            return "unknown configuration detected"
        if first.fault in (Fault.SYNTAX, Fault.TYPE):
            where = f"At {first.at.line}:{first.at.column}: " if first.at.line else ""
            return f'unable to decode configuration at "{first.at.source}": {where}{first.text}'
        return first.text

    @property
    def unknown_keys(self) -> dict[str, list[str]]:
        """Keys by section, both as SPIRE names them: `keys=nope section=server`."""
        found: dict[str, list[str]] = {}
        for problem in self.problems:
            if problem.fault is Fault.UNKNOWN_KEY:
                found.setdefault(problem.section, []).append(problem.key)
        return found

    def _line(self, problem: Problem) -> str:
        """The place, and what the first line does not say yet."""
        told = self.sentence.endswith(problem.text)
        parts = [str(problem.at), "" if told else problem.text, problem.hint]
        return ": ".join(part for part in parts if part)
