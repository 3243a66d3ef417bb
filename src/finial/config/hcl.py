"""HCL 1 and JSON text to a tree of values with positions. Bounded in size and depth; pure.

The two are told apart as SPIRE does: a text whose first character is `{` is JSON. Vectors in
tests/vectors/config are what hashicorp/hcl 1.0.1 makes of the same texts. Where that library drops the
rest of a text without a word (`x =` at the end, a JSON object that is not closed), the text is refused.

A fault tells its place and the kind of the token there, and shows no text but punctuation, where that library quotes
the token or the last key: either may be a password that stands without quotes or without a `=`.
"""

from __future__ import annotations

import math

from finial.config import json_syntax
from finial.config.scanner import Scanner, Token, TokenType
from finial.config.tree import (
    Array,
    Item,
    Key,
    Literal,
    LiteralType,
    Object,
    Position,
    SyntaxFault,
    Value,
)

MAX_BYTES = 1 << 20  # a real file has some kilobytes; SPIRE sets no bound
MAX_DEPTH = 64  # the deepest known option is eight blocks down
KEYS = (TokenType.IDENT, TokenType.STRING)
EXPECTED_KEY = "expected: IDENT | STRING | ASSIGN | LBRACE got: {}"


def parse(text: str | bytes, source: str) -> Object:
    """The whole text as one object. `source` names the file in positions.

    Raises: SyntaxFault, with the first fault.
    """
    decoded = decode_utf8(text, source) if isinstance(text, bytes) else text
    if len(decoded) > MAX_BYTES:
        raise SyntaxFault(f"text is longer than {MAX_BYTES} bytes", Position(source))
    if decoded.lstrip().startswith("{"):
        return json_syntax.parse(decoded, source, MAX_DEPTH)
    return Parser(decoded, source).document()


def decode_utf8(text: bytes, source: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as why:
        before = text[: why.start].decode()
        line, start = before.count("\n") + 1, before.rfind("\n") + 1
        at = Position(source, line, len(before) - start + 1)
        raise SyntaxFault("illegal UTF-8 encoding", at) from why


class Parser:
    """One token of look-ahead; each method reads what its name says and leaves the token after it."""

    def __init__(self, text: str, source: str) -> None:
        self._tokens = Scanner(text, source).tokens()
        self._source = source
        self._depth = 0
        self._token = next(self._tokens)

    def document(self) -> Object:
        return Object(self._items(TokenType.EOF), Position(self._source, 1, 1))

    def _take(self) -> Token:
        token = self._token
        if token.type is not TokenType.EOF:
            self._token = next(self._tokens)
        return token

    def _skip_comma(self) -> None:
        if self._token.type is TokenType.COMMA:
            self._take()

    def _items(self, end: TokenType) -> tuple[Item, ...]:
        items = []
        while self._token.type is not end:
            items.append(self._item(end))
            self._skip_comma()
        return tuple(items)

    def _item(self, end: TokenType) -> Item:
        keys = self._keys(end)
        token = self._token
        if token.type is TokenType.LBRACE:
            return Item(keys, self._object())
        if token.type is not TokenType.ASSIGN:
            why = "key expected start of object ('{') or assignment ('=')"
            raise SyntaxFault(why, keys[-1].at if token.type is TokenType.EOF else token.at)
        if len(keys) > 1:
            raise SyntaxFault("nested object expected: LBRACE got: ASSIGN", token.at)
        self._take()
        return Item(keys, self._value())

    def _keys(self, end: TokenType) -> tuple[Key, ...]:
        keys = []
        while self._token.type in KEYS:
            token = self._take()
            keys.append(Key(token.value, token.at))
        if not keys:
            raise self._no_key(end)
        return tuple(keys)

    def _no_key(self, end: TokenType) -> SyntaxFault:
        token = self._token
        if token.type is TokenType.ASSIGN:
            return SyntaxFault("no object keys found!", token.at)
        if token.type is TokenType.EOF and end is TokenType.RBRACE:
            return SyntaxFault("object expected closing RBRACE got: EOF", token.at)
        return SyntaxFault(EXPECTED_KEY.format(token.type), token.at)

    def _value(self) -> Value:
        token = self._token
        if token.type is TokenType.LBRACE:
            return self._object()
        if token.type is TokenType.LBRACK:
            return self._array()
        return literal(self._take())

    def _object(self) -> Object:
        start = self._enter()
        items = self._items(TokenType.RBRACE)
        self._leave()
        return Object(items, start)

    def _array(self) -> Array:
        start = self._enter()
        items: list[Value] = []
        while self._token.type is not TokenType.RBRACK:
            items.append(self._value())
            self._comma_or_end()
        self._leave()
        return Array(tuple(items), start)

    def _comma_or_end(self) -> None:
        if self._token.type is TokenType.RBRACK:
            return
        if self._token.type is not TokenType.COMMA:
            why = f"error parsing list, expected comma or list end, got: {self._token.type}"
            raise SyntaxFault(why, self._token.at)
        self._take()

    def _enter(self) -> Position:
        token = self._take()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SyntaxFault(f"nested deeper than {MAX_DEPTH} levels", token.at)
        return token.at

    def _leave(self) -> None:
        self._take()
        self._depth -= 1


def literal(token: Token) -> Literal:
    """A token that stands for a value. Raises: SyntaxFault for any other."""
    if token.type in (TokenType.STRING, TokenType.HEREDOC):
        return Literal(LiteralType.TEXT, token.value, token.value, token.at)
    if token.type is TokenType.BOOL:
        return Literal(LiteralType.BOOL, token.value, token.value == "true", token.at)
    if token.type is TokenType.FLOAT:
        return Literal(LiteralType.FLOAT, token.value, fraction(token), token.at)
    if token.type is TokenType.NUMBER:
        return Literal(LiteralType.NUMBER, token.value, whole_number(token), token.at)
    if token.type is TokenType.IDENT:
        raise SyntaxFault("Unknown token: IDENT (a text stands in double quotes)", token.at)
    raise SyntaxFault(f"Unknown token: {token.type} {token.value}".rstrip(), token.at)  # punctuation


def fraction(token: Token) -> float:
    number = float(token.value)
    if math.isinf(number):
        raise SyntaxFault("value out of range", token.at)
    return number


def whole_number(token: Token) -> int:
    try:
        return parse_int(token.value)
    except ValueError as why:
        raise SyntaxFault(f"{token.type}: {str(why).rpartition(': ')[2]}", token.at) from None


def parse_int(text: str) -> int:
    """As Go's `strconv.ParseInt(text, 0, 64)`: `0x1f`, `0644` (octal), `0b1`, `1_000`.

    Raises: ValueError in Go's words.
    """
    digits = text.lstrip("+-")
    sign = text[: len(text) - len(digits)]
    old_octal = len(digits) > 1 and digits[0] == "0" and digits[1] in "01234567_"
    try:
        if len(sign) > 1 or not text.isascii() or text != text.strip():
            raise ValueError(text)
        number = int(sign + ("0o" + digits[1:] if old_octal else digits), 0)
    except ValueError as why:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax') from why
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": value out of range')
    return number
