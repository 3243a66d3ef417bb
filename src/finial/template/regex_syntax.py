"""Go's regular expressions, text to tree. Syntax of RE2 without what needs tables of scripts: of `\\p` the general
categories are known. Nothing that needs backtracking exists in it: no backreferences, no look-around.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace

from finial.errors import InvalidArgument

MAX_REPEAT = 1000
MAX_DEPTH = 100  # groups inside each other
MAX_PATTERN = 4096  # characters

Test = Callable[[str], bool]  # of one character


@dataclass(frozen=True, slots=True)
class Flags:
    folds: bool = False  # i
    lines: bool = False  # m
    dot_all: bool = False  # s
    ungreedy: bool = False  # U


@dataclass(frozen=True, slots=True)
class One:
    """One character that passes."""

    test: Test


@dataclass(frozen=True, slots=True)
class Place:
    """No character, but a place: "^" "$" of the text, "line^" "line$", "b" "B"."""

    kind: str


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Earlier ones are preferred."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`most` None: any number."""

    part: Tree
    least: int
    most: int | None
    greedy: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Captured under its number, counted from one."""

    part: Tree
    number: int


Tree = One | Place | Sequence | Either | Repeat | Group
CLASSES: dict[str, Test] = {
    "d": lambda one: one in string.digits,
    "w": lambda one: one in string.ascii_letters + string.digits + "_",
    "s": lambda one: one in "\t\n\f\r ",
}
POSIX: dict[str, Test] = {
    "alnum": lambda one: one in string.ascii_letters + string.digits,
    "alpha": lambda one: one in string.ascii_letters,
    "ascii": lambda one: ord(one) < 0x80,
    "blank": lambda one: one in "\t ",
    "cntrl": lambda one: ord(one) < 0x20 or ord(one) == 0x7F,
    "digit": lambda one: one in string.digits,
    "graph": lambda one: "!" <= one <= "~",
    "lower": lambda one: one in string.ascii_lowercase,
    "print": lambda one: " " <= one <= "~",
    "punct": lambda one: one in string.punctuation,
    "space": lambda one: one in "\t\n\v\f\r ",
    "upper": lambda one: one in string.ascii_uppercase,
    "word": lambda one: one in string.ascii_letters + string.digits + "_",
    "xdigit": lambda one: one in string.hexdigits,
}
CONTROLS = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
CATEGORIES = frozenset(
    [
        "L",
        "Lu",
        "Ll",
        "Lt",
        "Lm",
        "Lo",
        "M",
        "Mn",
        "Mc",
        "Me",
        "N",
        "Nd",
        "Nl",
        "No",
        "P",
        "Pc",
        "Pd",
        "Ps",
        "Pe",
        "Pi",
        "Pf",
        "Po",
        "S",
        "Sm",
        "Sc",
        "Sk",
        "So",
        "Z",
        "Zs",
        "Zl",
        "Zp",
        "C",
        "Cc",
        "Cf",
        "Co",
        "Cs",
    ]
)


def parse(pattern: str) -> tuple[Tree, dict[str, int], int]:
    """The tree, groups by name, and how many groups there are. Raises: InvalidArgument."""
    if len(pattern) > MAX_PATTERN:
        raise InvalidArgument(
            f"regular expression has {len(pattern)} characters, at most {MAX_PATTERN} are allowed"
        )
    parser = _Parser(pattern)
    tree = parser.either(Flags(), 0)
    if parser.more():
        raise parser.fault("unexpected )")
    return tree, parser.names, parser.groups


def negated(test: Test) -> Test:
    return lambda one: not test(one)


def folded(test: Test) -> Test:
    """Without regard to case."""
    return lambda one: test(one) or test(one.lower()) or test(one.upper()) or test(one.swapcase())


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._pattern, self._at = pattern, 0
        self.names: dict[str, int] = {}
        self.groups = 0

    def fault(self, why: str) -> InvalidArgument:
        return InvalidArgument(f'error parsing regexp: {why}: "{self._pattern}"')

    def more(self) -> bool:
        return self._at < len(self._pattern)

    def _takes(self, text: str) -> bool:
        if self._pattern.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _take(self) -> str:
        if not self.more():
            raise self.fault("unexpected end")
        self._at += 1
        return self._pattern[self._at - 1]

    def either(self, flags: Flags, depth: int) -> Tree:
        """Up to the end or a closing parenthesis, which is not taken. Flags set inside hold to its end."""
        if depth > MAX_DEPTH:
            raise self.fault("expression nests too deeply")
        branches: list[Tree] = []
        parts: list[Tree] = []
        while self.more() and self._pattern[self._at] != ")":
            if self._takes("|"):
                branches.append(Sequence(tuple(parts)))
                parts = []
                continue
            changed = self._flags(flags)
            if changed is not None:
                flags = changed
                continue
            parts += self._repeated(self._atom(flags, depth), flags)
        branches.append(Sequence(tuple(parts)))
        return branches[0] if len(branches) == 1 else Either(tuple(branches))

    def _flags(self, flags: Flags) -> Flags | None:
        """`(?i)`, which holds for what follows."""
        end = self._pattern.find(")", self._at)
        inside = self._pattern[self._at + 2 : end] if end >= 0 else ""
        if not self._pattern.startswith("(?", self._at) or not inside or inside.strip("imsU-"):
            return None
        self._at = end + 1
        return self._changed(flags, inside)

    def _changed(self, flags: Flags, letters: str) -> Flags:
        on, dash, off = letters.partition("-")
        if "-" in off or (dash and not off):
            raise self.fault("invalid or unsupported Perl syntax")
        for names, value in ((on, True), (off, False)):
            for name in names:
                field = {"i": "folds", "m": "lines", "s": "dot_all", "U": "ungreedy"}[name]
                flags = replace(flags, **{field: value})
        return flags

    def _repeated(self, atoms: list[Tree], flags: Flags) -> list[Tree]:
        """The last of the atoms may be repeated."""
        count = 0
        while (bounds := self._bounds()) is not None:
            if not atoms or count:
                raise self.fault(
                    "invalid nested repetition operator"
                    if count
                    else "missing argument to repetition operator"
                )
            lazy = self._takes("?")
            atoms = [*atoms[:-1], Repeat(atoms[-1], *bounds, greedy=lazy == flags.ungreedy)]
            count += 1
        return atoms

    def _bounds(self) -> tuple[int, int | None] | None:
        for mark, least, most in (("*", 0, None), ("+", 1, None), ("?", 0, 1)):
            if self._takes(mark):
                return least, most
        end = self._pattern.find("}", self._at)
        if not self._pattern.startswith("{", self._at) or end < 0:
            return None
        first, comma, last = self._pattern[self._at + 1 : end].partition(",")
        if not first.isdecimal() or not (last.isdecimal() or not last) or not (first + last).isascii():
            return None  # then the brace stands for itself
        low = int(first)
        high = (int(last) if last else None) if comma else low
        if low > MAX_REPEAT or (high is not None and not low <= high <= MAX_REPEAT):
            raise self.fault("invalid repeat count")
        self._at = end + 1
        return low, high

    def _atom(self, flags: Flags, depth: int) -> list[Tree]:
        one = self._take()
        match one:
            case "(":
                return [self._group(flags, depth)]
            case "[":
                return [One(self._set(flags))]
            case ".":
                return [One((lambda _: True) if flags.dot_all else (lambda found: found != "\n"))]
            case "^":
                return [Place("line^" if flags.lines else "^")]
            case "$":
                return [Place("line$" if flags.lines else "$")]
            case "\\":
                return self._escape(flags)
            case "*" | "+" | "?":
                raise self.fault("missing argument to repetition operator")
        return [self._literal(one, flags)]

    def _literal(self, wanted: str, flags: Flags) -> One:
        test: Test = lambda one: one == wanted  # noqa: E731
        return One(folded(test) if flags.folds else test)

    def _group(self, flags: Flags, depth: int) -> Tree:
        number = 0
        if self._takes("?"):
            if self._takes("P<") or self._takes("<"):
                number = self._named()
            else:
                letters = ""
                while (one := self._take()) != ":":
                    letters += one
                if letters.strip("imsU-"):
                    raise self.fault("invalid or unsupported Perl syntax")
                flags = self._changed(flags, letters)
        else:
            self.groups += 1
            number = self.groups
        part = self.either(flags, depth + 1)
        if not self._takes(")"):
            raise self.fault("missing closing )")
        return Group(part, number) if number else part

    def _named(self) -> int:
        end = self._pattern.find(">", self._at)
        name = self._pattern[self._at : end] if end >= 0 else ""
        if not name or not set(name) <= set(string.ascii_letters + string.digits + "_"):
            raise self.fault("invalid named capture")
        if name in self.names:
            raise self.fault("duplicate capture group name")
        self._at = end + 1
        self.groups += 1
        self.names[name] = self.groups
        return self.groups

    def _escape(self, flags: Flags) -> list[Tree]:
        places = {"A": "^", "z": "$", "b": "b", "B": "B"}
        one = self._pattern[self._at : self._at + 1]
        if one in places and one:
            self._at += 1
            return [Place(places[one])]
        if one == "Q":
            return self._quoted(flags)
        found = self._class()
        if found is not None:
            return [One(folded(found) if flags.folds else found)]
        return [self._literal(self._character(), flags)]

    def _quoted(self, flags: Flags) -> list[Tree]:
        """`\\Q..\\E`: all as it is."""
        self._at += 1
        end = self._pattern.find("\\E", self._at)
        text = self._pattern[self._at : end] if end >= 0 else self._pattern[self._at :]
        self._at += len(text) + (2 if end >= 0 else 0)
        return [self._literal(one, flags) for one in text]

    def _class(self) -> Test | None:
        """After a backslash: `\\d`, `\\pL`, `\\p{Lu}`; None if it is none."""
        one = self._pattern[self._at : self._at + 1]
        if one and one in "dwsDWS":
            self._at += 1
            test = CLASSES[one.lower()]
            return negated(test) if one.isupper() else test
        if not one or one not in "pP":
            return None
        self._at += 1
        name = self._take()
        if name == "{":
            end = self._pattern.find("}", self._at)
            name = self._pattern[self._at : end] if end >= 0 else ""
            self._at = end + 1
        inverse = (one == "P") != name.startswith("^")
        name = name.removeprefix("^")
        if name != "Any" and name not in CATEGORIES:
            raise self.fault("invalid character class range")
        category: Test = lambda found: name == "Any" or unicodedata.category(found).startswith(name)  # noqa: E731
        return negated(category) if inverse else category

    def _character(self) -> str:
        """After a backslash: one character."""
        one = self._take()
        if one in CONTROLS:
            return CONTROLS[one]
        if one == "x":
            return self._hexadecimal()
        if one in "01234567" and (one == "0" or self._pattern[self._at : self._at + 1] in tuple("01234567")):
            digits = one
            while len(digits) < 3 and self._pattern[self._at : self._at + 1] in tuple("01234567"):
                digits += self._take()
            return chr(int(digits, 8))
        if one.isalnum() and one.isascii():
            raise self.fault("invalid escape sequence")
        return one

    def _hexadecimal(self) -> str:
        if self._takes("{"):
            end = self._pattern.find("}", self._at)
            digits = self._pattern[self._at : end] if end >= 0 else ""
            self._at = end + 1
        else:
            digits = self._pattern[self._at : self._at + 2]
            self._at += len(digits)
            digits = digits if len(digits) == 2 else ""
        if not digits or not set(digits) <= set(string.hexdigits) or int(digits, 16) > 0x10FFFF:
            raise self.fault("invalid escape sequence")
        return chr(int(digits, 16))

    def _set(self, flags: Flags) -> Test:
        """After `[`."""
        inverse = self._takes("^")
        tests: list[Test] = []
        first = True
        while first or not self._takes("]"):
            if not self.more():
                raise self.fault("missing closing ]")
            tests.append(self._member())
            first = False
        any_of: Test = lambda one: any(test(one) for test in tests)  # noqa: E731
        whole = folded(any_of) if flags.folds else any_of
        return negated(whole) if inverse else whole

    def _member(self) -> Test:
        named = self._posix()
        if named is not None:
            return named
        if self._takes("\\"):
            found = self._class()
            if found is not None:
                return found
            low = self._character()
        else:
            low = self._take()
        high = low
        following = self._pattern[self._at : self._at + 2]
        if following.startswith("-") and following not in ("-", "-]"):
            self._at += 1
            high = self._character() if self._takes("\\") else self._take()
            if high < low:
                raise self.fault("invalid character class range")
        return lambda one: low <= one <= high

    def _posix(self) -> Test | None:
        end = self._pattern.find(":]", self._at)
        if not self._pattern.startswith("[:", self._at) or end < 0:
            return None
        name = self._pattern[self._at + 2 : end]
        test = POSIX.get(name.removeprefix("^"))
        if test is None:
            raise self.fault("invalid character class range")
        self._at = end + 2
        return negated(test) if name.startswith("^") else test
