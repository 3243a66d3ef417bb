"""HCL 1 text to tokens, with positions.

Strings may hold `${ .. }` with quotes and braces nested inside, and a heredoc ends with a word of its own
choice; neither is regular, so the scanner is written by hand. Rules and error sentences are those of the
library SPIRE reads its configuration with (hashicorp/hcl 1.0.1).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from finial.config.tree import Position, SyntaxFault


class TokenType(StrEnum):
    """Values are the names in error sentences."""

    EOF = "EOF"
    IDENT = "IDENT"
    STRING = "STRING"
    HEREDOC = "HEREDOC"
    NUMBER = "NUMBER"
    FLOAT = "FLOAT"
    BOOL = "BOOL"
    ASSIGN = "ASSIGN"
    COMMA = "COMMA"
    LBRACE = "LBRACE"
    RBRACE = "RBRACE"
    LBRACK = "LBRACK"
    RBRACK = "RBRACK"


@dataclass(frozen=True, slots=True)
class Token:
    """`value` is the text with quotes, escapes and heredoc marks taken away; of the rest, the spelling."""

    type: TokenType
    value: str
    at: Position


PUNCTUATION = {
    "=": TokenType.ASSIGN,
    ",": TokenType.COMMA,
    "{": TokenType.LBRACE,
    "}": TokenType.RBRACE,
    "[": TokenType.LBRACK,
    "]": TokenType.RBRACK,
}
BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
WORD = re.compile(r"[^\W\d][\w.-]*")
NUMBER = re.compile(r"-?0[xX][0-9a-fA-F]+|(?:-?[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
HEREDOC = re.compile(r"<<(-?)([\w.-]+)\r?\n")
ESCAPE = re.compile(
    r"""\\(?:([abfnrtv\\"])|([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))"""
)
NAMED_ESCAPES = dict(zip('abfnrtv\\"', '\a\b\f\n\r\t\v\\"', strict=True))
MAX_CODE_POINT = 0x10FFFF


class Lines:
    """Turns an offset into a position."""

    def __init__(self, text: str, source: str) -> None:
        self._source = source
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def at(self, offset: int) -> Position:
        line = bisect_right(self._starts, offset)
        return Position(self._source, line, offset - self._starts[line - 1] + 1)


class Scanner:
    """Tokens of one text, the last one EOF. Raises: SyntaxFault."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._offset = 0
        self._lines = Lines(text, source)

    def tokens(self) -> Iterator[Token]:
        while True:
            self._skip_blank()
            if self._offset == len(self._text):
                yield Token(TokenType.EOF, "", self._lines.at(self._offset))
                return
            yield self._next()

    def _fault(self, why: str, offset: int) -> SyntaxFault:
        return SyntaxFault(why, self._lines.at(offset))

    def _skip_blank(self) -> None:
        match = BLANK.match(self._text, self._offset)
        self._offset = match.end() if match else self._offset
        if self._text.startswith("/*", self._offset):
            raise self._fault("comment not terminated", self._offset)

    def _next(self) -> Token:
        start, character = self._offset, self._text[self._offset]
        if character in PUNCTUATION:
            return self._token(PUNCTUATION[character], start, start + 1)
        if character == '"':
            return self._string(start)
        if match := HEREDOC.match(self._text, start):
            return self._heredoc(match)
        if match := WORD.match(self._text, start):
            is_bool = match.group() in ("true", "false")
            return self._token(TokenType.BOOL if is_bool else TokenType.IDENT, start, match.end())
        if match := NUMBER.match(self._text, start):
            if self._text.startswith(("e", "E", "x", "X"), match.end()):
                raise self._fault("illegal number", start)
            is_float = re.search(r"[.eE]", match.group()) and "x" not in match.group().lower()
            return self._token(TokenType.FLOAT if is_float else TokenType.NUMBER, start, match.end())
        raise self._fault("illegal char", start)

    def _token(self, kind: TokenType, start: int, end: int, value: str | None = None) -> Token:
        self._offset = end
        return Token(kind, self._text[start:end] if value is None else value, self._lines.at(start))

    def _string(self, start: int) -> Token:
        """Escapes are read outside `${ .. }` and kept as written inside, where quotes may nest."""
        text, offset, depth = self._text, start + 1, 0
        parts: list[str] = []
        while offset < len(text):
            character = text[offset]
            if depth == 0 and character == '"':
                return self._token(TokenType.STRING, start, offset + 1, "".join(parts))
            if depth == 0 and character == "\n":
                break
            if character == "\\":
                piece, end = self._escape(offset)
                parts.append(text[offset:end] if depth else piece)
                offset = end
                continue
            if depth == 0 and text.startswith("${", offset):
                parts.append("$")
                offset, depth, character = offset + 1, 1, "{"
            elif depth > 0:
                depth += {"{": 1, "}": -1}.get(character, 0)
            parts.append(character)
            offset += 1
        raise self._fault("literal not terminated", start)

    def _escape(self, offset: int) -> tuple[str, int]:
        match = ESCAPE.match(self._text, offset)
        if match is None:
            raise self._fault("illegal char escape", offset)
        named, octal, *hexadecimal = match.groups()
        if named:
            return NAMED_ESCAPES[named], match.end()
        code = int(octal, 8) if octal else int(next(filter(None, hexadecimal)), 16)
        if code > MAX_CODE_POINT or 0xD800 <= code < 0xE000:
            raise self._fault("illegal char escape", offset)
        return chr(code), match.end()

    def _heredoc(self, match: re.Match[str]) -> Token:
        """All lines up to the closing word; `<<-` takes the closing line's indent off if every line has it."""
        indented, word = match.groups()
        indent = "+" if indented else "*"  # as in the library: the closing word of `<<-` must be indented
        ending = re.compile(rf"^([ \t]{indent}){re.escape(word)}(?=\r?$)", re.MULTILINE)
        close = ending.search(self._text, match.end())
        if close is None:
            raise self._fault("heredoc not terminated", match.start())
        body = self._text[match.end() : close.start()]
        prefix, lines = close.group(1), re.findall(r"[^\n]*\n", body)
        if indented and all(line.startswith(prefix) for line in lines):
            body = "".join(line[len(prefix) :] for line in lines)
        return self._token(TokenType.HEREDOC, match.start(), close.end(), body)
