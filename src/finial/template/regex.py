"""Regular expressions of Go (RE2) whose time is bounded by the pattern's size times the text's. Pure.

For patterns of an operator on texts of an attacker: there is no pattern that a text can make slow. All possible
matches are followed at once, character by character, the preferred ones first (R. Pike's machine), so what is
found is what Go finds. Places are counted in characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from finial.errors import InvalidArgument
from finial.template.regex_syntax import Either, Group, One, Place, Repeat, Sequence, Test, Tree, parse

MAX_SIZE = 10_000  # steps of a compiled pattern
META = frozenset("\\.+*?()|[]{}^$")
REFERENCE = re.compile(r"\$(?:\{(\w+)\}|(\w+)|(\$)|)")

Span = tuple[int, int]
Groups = tuple[Span | None, ...]  # the whole match first
Spend = Callable[[int], None]


def quote_meta(text: str) -> str:
    return "".join("\\" + one if one in META else one for one in text)


@dataclass(frozen=True, slots=True)
class Take:
    """One character that passes, then the next step."""

    test: Test


@dataclass(frozen=True, slots=True)
class Split:
    """Both ways, the first one preferred."""

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Save:
    """The place, under this number."""

    slot: int


@dataclass(frozen=True, slots=True)
class Found:
    """A match."""


Step = Take | Split | Save | Place | Found


@dataclass(frozen=True, slots=True)
class Regex:
    """A compiled pattern. `size`: the most that one character of a text can cost."""

    pattern: str
    _steps: tuple[Step, ...] = field(repr=False)
    _names: dict[str, int] = field(repr=False)
    _slots: int = field(repr=False)

    @classmethod
    def compile(cls, pattern: str) -> Regex:
        """Raises: InvalidArgument, in Go's words, also for a pattern that is too large."""
        tree, names, groups = parse(pattern)
        compiler = _Compiler(pattern)
        compiler.add(Group(tree, 0))
        return cls(pattern, (*compiler.steps, Found()), names, 2 * (groups + 1))

    @property
    def size(self) -> int:
        return len(self._steps)

    def search(self, text: str, start: int = 0) -> Groups | None:
        """The first match from there on."""
        threads: list[tuple[int, tuple[int, ...]]] = []
        best: tuple[int, ...] | None = None
        none = (-1,) * self._slots
        for place in range(start, len(text) + 1):
            seen: set[int] = set()
            current: list[tuple[int, tuple[int, ...]]] = []
            for step, slots in threads:
                self._follow(step, slots, text, place, seen, current)
            if best is None:
                self._follow(0, none, text, place, seen, current)
            threads = []
            for step, slots in current:
                one = self._steps[step]
                if isinstance(one, Found):
                    best = slots
                    break
                if place < len(text) and isinstance(one, Take) and one.test(text[place]):
                    threads.append((step + 1, slots))
            if best is not None and not threads:
                break
        return _groups(best) if best is not None else None

    def _follow(
        self,
        first: int,
        slots: tuple[int, ...],
        text: str,
        place: int,
        seen: set[int],
        found: list[tuple[int, tuple[int, ...]]],
    ) -> None:
        """From a step over all that take no character, in order of preference; each step once a place."""
        waiting = [(first, slots)]
        while waiting:
            index, slots = waiting.pop()
            if index in seen:
                continue
            seen.add(index)
            match self._steps[index]:
                case Split(one, other):
                    waiting += [(other, slots), (one, slots)]
                case Save(slot):
                    waiting.append((index + 1, (*slots[:slot], place, *slots[slot + 1 :])))
                case Place(kind):
                    if holds(kind, text, place):
                        waiting.append((index + 1, slots))
                case _:
                    found.append((index, slots))

    def matches(self, text: str, spend: Spend, limit: int = -1) -> Iterator[Groups]:
        """All that do not overlap; an empty one right after another does not count."""
        place, last = 0, -1
        while place <= len(text) and limit:
            spend(self.size * (len(text) - place + 1) // 8)
            groups = self.search(text, place)
            if groups is None or groups[0] is None:
                return
            start, end = groups[0]
            if start != end or start != last:
                yield groups
                limit -= 1
                last = end
            place = end if end > start else end + 1

    def spans(self, text: str, spend: Spend, limit: int = -1) -> Iterator[Span]:
        return (groups[0] for groups in self.matches(text, spend, limit) if groups[0] is not None)

    def replace(self, text: str, new: Callable[[Groups], str], spend: Spend) -> str:
        parts, place = list[str](), 0
        for groups in self.matches(text, spend):
            start, end = groups[0] or (0, 0)
            part = new(groups)
            spend(len(part))
            parts += [text[place:start], part]
            place = end
        return "".join([*parts, text[place:]])

    def split(self, text: str, limit: int, spend: Spend) -> list[str]:
        """What is between the matches; at most `limit` parts unless that is negative."""
        if limit == 0:
            return []
        if self.pattern and not text:
            return [""]
        parts, place, end = list[str](), 0, 0
        for start, after in self.spans(text, spend):
            if limit > 0 and len(parts) == limit - 1:
                break
            end = start
            if after != 0:
                parts.append(text[place:end])
            place = after
        if end != len(text):
            parts.append(text[place:])
        return parts

    def expand(self, new: str, text: str, groups: Groups) -> str:
        """References in `new` replaced by groups; those of unknown ones by nothing."""

        def one(found: re.Match[str]) -> str:
            name = found[1] or found[2]
            if found[3]:
                return "$"
            if name is None:
                return found[0]
            number = int(name) if name.isdecimal() else self._names.get(name, -1)
            span = groups[number] if 0 <= number < len(groups) else None
            return text[slice(*span)] if span else ""

        return REFERENCE.sub(one, new)


def holds(kind: str, text: str, place: int) -> bool:
    """Whether a place is of that kind."""
    before, after = text[place - 1 : place] if place else "", text[place : place + 1]
    match kind:
        case "^":
            return place == 0
        case "$":
            return place == len(text)
        case "line^":
            return before in ("", "\n")
        case "line$":
            return after in ("", "\n")
    return (_is_word(before) != _is_word(after)) == (kind == "b")


def _is_word(one: str) -> bool:
    return one == "_" or (one.isascii() and one.isalnum())


def _groups(slots: tuple[int, ...]) -> Groups:
    pairs = zip(slots[::2], slots[1::2], strict=True)
    return tuple((start, end) if start >= 0 and end >= 0 else None for start, end in pairs)


class _Compiler:
    """Tree to steps. Jumps are splits with two equal ways."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self.steps: list[Step] = []

    def _put(self, step: Step) -> int:
        if len(self.steps) >= MAX_SIZE:
            raise InvalidArgument(f'error parsing regexp: expression too large: "{self._pattern}"')
        self.steps.append(step)
        return len(self.steps) - 1

    def add(self, tree: Tree) -> None:
        match tree:
            case One(test):
                self._put(Take(test))
            case Place():
                self._put(tree)
            case Sequence(parts):
                for part in parts:
                    self.add(part)
            case Group(part, number):
                self._put(Save(2 * number))
                self.add(part)
                self._put(Save(2 * number + 1))
            case Either(parts):
                self._either(parts)
            case Repeat():
                self._repeat(tree)

    def _either(self, parts: tuple[Tree, ...]) -> None:
        ends = []
        for part in parts[:-1]:
            fork = self._put(Split(0, 0))
            self.add(part)
            ends.append(self._put(Split(0, 0)))
            self.steps[fork] = Split(fork + 1, len(self.steps))
        self.add(parts[-1])
        for end in ends:
            self.steps[end] = Split(len(self.steps), len(self.steps))

    def _repeat(self, tree: Repeat) -> None:
        """Any number is none or a loop of at least one, so that a part that may be empty is preferred as in Go."""
        for _ in range(tree.least - (tree.most is None and tree.least > 0)):
            self.add(tree.part)
        forks = []
        if tree.most is None:
            if tree.least == 0:
                forks.append(self._put(Split(0, 0)))
            self._loop(tree)
        for _ in range((tree.most or tree.least) - tree.least):
            forks.append(self._put(Split(0, 0)))
            self.add(tree.part)
        for fork in forks:
            self.steps[fork] = self._fork(tree, fork)

    def _loop(self, tree: Repeat) -> None:
        start = len(self.steps)
        self.add(tree.part)
        past = len(self.steps) + 1
        self._put(Split(start, past) if tree.greedy else Split(past, start))

    def _fork(self, tree: Repeat, fork: int) -> Split:
        """Into the part, or past all that is there by now."""
        past = len(self.steps)
        return Split(fork + 1, past) if tree.greedy else Split(past, fork + 1)
