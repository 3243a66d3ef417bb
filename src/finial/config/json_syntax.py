"""JSON text to the same tree as HCL, with positions, which the standard library's reader does not keep. Pure.

Strings are read by the standard library. `null` is as if the key were absent, as SPIRE reads it.
"""

from __future__ import annotations

import math
import re
from json import JSONDecodeError, JSONDecoder

from finial.config.scanner import Lines
from finial.config.tree import Array, Item, Key, Literal, LiteralType, Object, Position, SyntaxFault, Value

BLANK = re.compile(r"[ \t\r\n]*")
STRINGS = JSONDecoder()
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
WORD = re.compile(r"true|false|null")
PUNCTUATION = frozenset('{}[]:,"')
NULL = Literal(LiteralType.TEXT, "", "", Position("null"))
MAX_DIGITS = 20  # 64 bits have 19


def parse(text: str, source: str, max_depth: int) -> Object:
    """Raises: SyntaxFault."""
    return Reader(text, source, max_depth).document()


class Reader:
    """Each method reads what its name says and leaves the offset behind it."""

    def __init__(self, text: str, source: str, max_depth: int) -> None:
        self._text = text
        self._offset = 0
        self._lines = Lines(text, source)
        self._levels_left = max_depth

    def document(self) -> Object:
        self._peek()
        document = self._object()
        if self._peek():
            raise self._fault("only one object is expected, found text after it")
        return document

    def _fault(self, why: str) -> SyntaxFault:
        return SyntaxFault(why, self._lines.at(self._offset))

    def _here(self) -> Position:
        return self._lines.at(self._offset)

    def _peek(self) -> str:
        """The next character that is not blank, left in place; "" at the end."""
        match = BLANK.match(self._text, self._offset)
        self._offset = match.end() if match else self._offset
        return self._text[self._offset : self._offset + 1]

    def _expect(self, character: str) -> None:
        found = self._peek()
        if found != character:
            raise self._fault(f"expected '{character}', got: {self._shown()}")
        self._offset += 1

    def _shown(self) -> str:
        """What stands here, if it is punctuation: anything else may be part of a secret."""
        found = self._peek()
        return "EOF" if not found else f"'{found}'" if found in PUNCTUATION else "other text"

    def _object(self) -> Object:
        start = self._enter("{")
        items: list[Item] = []
        while self._peek() != "}":
            if items:
                self._expect(",")
            items.append(self._item())
        self._leave()
        return Object(tuple(one for one in items if one.value is not NULL), start)

    def _item(self) -> Item:
        self._peek()
        at = self._here()
        name = self._string()
        self._expect(":")
        return Item((Key(name, at),), self._value())

    def _array(self) -> Array:
        start = self._enter("[")
        items: list[Value] = []
        while self._peek() != "]":
            if items:
                self._expect(",")
            items.append(self._value())
        self._leave()
        if NULL in items:
            raise SyntaxFault("null has no meaning in a list", start)
        return Array(tuple(items), start)

    def _value(self) -> Value:
        character = self._peek()
        if character == "{":
            return self._object()
        if character == "[":
            return self._array()
        at = self._here()
        if character == '"':
            text = self._string()
            return Literal(LiteralType.TEXT, text, text, at)
        return self._number(at) if character in "-0123456789" and character else self._word(at)

    def _string(self) -> str:
        if self._peek() != '"':
            raise self._fault(f"expected a text, got: {self._shown()}")
        try:
            text, self._offset = STRINGS.raw_decode(self._text, self._offset)
            read = str(text)
            read.encode()
        except JSONDecodeError as why:
            raise SyntaxFault(why.msg.lower(), self._lines.at(min(why.pos, len(self._text)))) from why
        except UnicodeEncodeError as why:
            raise self._fault("illegal UTF-8 encoding") from why
        return read

    def _number(self, at: Position) -> Literal:
        match = NUMBER.match(self._text, self._offset)
        if match is None or self._text[match.end() : match.end() + 1].isalnum():
            raise self._fault("not a number")
        self._offset = match.end()
        text = match.group()
        is_float = match.group(1) or match.group(2)
        if math.isinf(float(text)) or (not is_float and len(text) > MAX_DIGITS):
            raise SyntaxFault("value out of range", at)
        if is_float:
            return Literal(LiteralType.FLOAT, text, float(text), at)
        return Literal(LiteralType.NUMBER, text, int(text), at)

    def _word(self, at: Position) -> Literal:
        match = WORD.match(self._text, self._offset)
        if match is None:
            raise self._fault(f"expected a value, got: {self._shown()}")
        self._offset = match.end()
        if match.group() == "null":
            return NULL
        return Literal(LiteralType.BOOL, match.group(), match.group() == "true", at)

    def _enter(self, opening: str) -> Position:
        at = self._here()
        self._expect(opening)
        self._levels_left -= 1
        if self._levels_left < 0:
            raise SyntaxFault("nested too deeply", at)
        return at

    def _leave(self) -> None:
        self._offset += 1
        self._levels_left += 1
