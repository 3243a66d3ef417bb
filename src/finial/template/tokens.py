"""A template's text to tokens. Rules of Go's text/template, lexing: trim markers, comments, quoted texts, numbers.

A space between two operands means something (`.A .B` are two, `.A.B` is one), so it is a token of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import Enum

from finial.errors import InvalidArgument
from finial.template.nodes import At

MAX_TEXT = 64 * 1024  # characters of a template


class Kind(Enum):
    TEXT = "text"
    OPEN = "{{"
    CLOSE = "}}"
    SPACE = "space"
    FIELD = "field"
    DOT = "."
    VARIABLE = "variable"
    NAME = "identifier"
    NUMBER = "number"
    CHARACTER = "character constant"
    STRING = "string"
    RAW = "raw string"
    DECLARE = ":="
    ASSIGN = "="
    PIPE = "|"
    COMMA = ","
    LEFT = "("
    RIGHT = ")"
    END = "end of the template"


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    at: At


def fault(at: At, why: str) -> InvalidArgument:
    return InvalidArgument(f"template:{at[0]}:{at[1]}: {why}")


PATTERNS = (
    (Kind.SPACE, r"[ \t\r\n]+"),
    (Kind.STRING, r'"(?:[^"\\\n]|\\.)*"'),
    (Kind.RAW, r"`[^`]*`"),
    (Kind.CHARACTER, r"'(?:[^'\\\n]|\\.)+'"),
    (Kind.NUMBER, r"[+-]?\.?[0-9][0-9a-zA-Z_.]*(?:(?<=[eEpP])[+-][0-9]+)?"),
    (Kind.FIELD, r"\.[^\W\d]\w*"),
    (Kind.DOT, r"\."),
    (Kind.VARIABLE, r"\$\w*"),
    (Kind.NAME, r"[^\W\d]\w*"),
    (Kind.DECLARE, r":="),
    (Kind.ASSIGN, r"="),
    (Kind.PIPE, r"\|"),
    (Kind.COMMA, r","),
    (Kind.LEFT, r"\("),
    (Kind.RIGHT, r"\)"),
)
TOKEN = re.compile("|".join(f"(?P<{kind.name}>{pattern})" for kind, pattern in PATTERNS))
CLOSING = re.compile(r"(?P<trim>[ \t\r\n]+-)?\}\}")
COMMENT = re.compile(r"\{\{(?:-[ \t\r\n]+)?/\*.*?\*/(?P<trim>[ \t\r\n]+-)?\}\}", re.DOTALL)
SPACES = " \t\r\n"
WORD_ENDS = (Kind.FIELD, Kind.VARIABLE, Kind.NAME, Kind.NUMBER, Kind.CHARACTER)
AFTER_WORD = frozenset(" \t\r\n.,|:=)(}")


def scan(text: str) -> list[Token]:
    """Raises: InvalidArgument, with line and column."""
    if len(text) > MAX_TEXT:
        raise InvalidArgument(f"template has {len(text)} characters, at most {MAX_TEXT} are allowed")
    return list(_Scanner(text).tokens())


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text, self._position = text, 0

    def tokens(self) -> Iterator[Token]:
        trims = False  # whether the action before eats the spaces that follow
        while True:
            start = self._position
            opening = self._text.find("{{", start)
            between = self._text[start : opening if opening >= 0 else None]
            if trims:
                between = between.lstrip(SPACES)
            trims_before = opening >= 0 and re.compile(r"\{\{-[ \t\r\n]").match(self._text, opening)
            if trims_before:
                between = between.rstrip(SPACES)
            if between:
                yield Token(Kind.TEXT, between, self._at(start))
            if opening < 0:
                yield Token(Kind.END, "", self._at(len(self._text)))
                return
            comment = COMMENT.match(self._text, opening)
            if comment:
                self._position, trims = comment.end(), bool(comment["trim"])
                continue
            yield Token(Kind.OPEN, "{{", self._at(opening))
            self._position = opening + (3 if trims_before else 2)
            trims = yield from self._action()

    def _action(self) -> Generator[Token, None, bool]:
        """Returns: whether it ended with a trim marker."""
        while True:
            closing = CLOSING.match(self._text, self._position)
            if closing:
                yield Token(Kind.CLOSE, "}}", self._at(self._position))
                self._position = closing.end()
                return bool(closing["trim"])
            yield self._one()

    def _one(self) -> Token:
        at = self._at(self._position)
        if self._position >= len(self._text):
            raise fault(at, "unclosed action")
        if self._text.startswith("/*", self._position):
            raise fault(at, "comment must stand alone in its action and be closed")
        found = TOKEN.match(self._text, self._position)
        if found is None:
            character = self._text[self._position]
            if character in "\"'`":
                raise fault(at, "unterminated quoted text")
            raise fault(at, f'unexpected "{character}" in an action')
        kind = Kind[found.lastgroup or ""]
        self._position = found.end()
        following = self._text[self._position : self._position + 1]
        if kind in WORD_ENDS and following and following not in AFTER_WORD:
            raise fault(at, f'unexpected "{following}" after "{found.group()}"')
        return Token(kind, found.group(), at)

    def _at(self, position: int) -> At:
        before = self._text[:position]
        return before.count("\n") + 1, position - before.rfind("\n")


def unquoted(token: Token) -> str:
    """The text of a quoted one. Raises: InvalidArgument for an escape that Go does not know."""
    if token.kind is Kind.RAW:
        return token.text[1:-1].replace("\r", "")
    try:
        return ESCAPE.sub(_escaped, token.text[1:-1]) if "\\" in token.text else token.text[1:-1]
    except (KeyError, ValueError, OverflowError):
        raise fault(token.at, f"invalid escape in {json.dumps(token.text)}") from None


ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)
SIMPLE = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", '"': '"', "'": "'",
}  # fmt: skip


def _escaped(found: re.Match[str]) -> str:
    one_byte, four, eight, octal, simple = found.groups()
    if one_byte or octal:
        value = int(one_byte, 16) if one_byte else int(octal, 8)
        return bytes([value]).decode("utf-8", "surrogateescape")
    if four or eight:
        return chr(int(four or eight, 16))
    return SIMPLE[simple]


def number(token: Token) -> int | float:
    """Raises: InvalidArgument. A float that is whole stays a float."""
    text = token.text.replace("_", "")
    try:
        if re.fullmatch(r"[+-]?0[0-7]+", text):
            return int(text, 8)
        return int(text, 0)
    except ValueError:
        pass
    try:
        if re.fullmatch(r"[+-]?0[xX].*", text):
            return float.fromhex(text)
        value = float(text)
        return value if set(text) & set(".eE") else int(value)  # 09 is no octal, but nine
    except (ValueError, OverflowError):
        raise fault(token.at, f'bad number syntax: "{token.text}"') from None
