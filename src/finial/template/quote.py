"""A text in Go's double quotes, as `strconv.Quote` writes it. Pure."""

from __future__ import annotations

import unicodedata

SIMPLE = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\",
}  # fmt: skip
FIRST_ESCAPE, LAST_ESCAPE = 0xDC80, 0xDCFF  # bytes that are no UTF-8, as texts hold them
UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


def quoted(text: str, *, ascii_only: bool = False) -> str:
    return '"' + "".join(_escaped(one, '"', ascii_only) for one in text) + '"'


def quoted_character(code: int) -> str:
    known = 0 <= code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF
    return "'" + _escaped(chr(code) if known else "\ufffd", "'", False) + "'"


def _escaped(character: str, mark: str, ascii_only: bool) -> str:
    code = ord(character)
    if character == mark:
        return "\\" + mark
    if character in SIMPLE:
        return SIMPLE[character]
    if FIRST_ESCAPE <= code <= LAST_ESCAPE:
        return f"\\x{code - 0xDC00:02x}"
    if character == " " or (
        unicodedata.category(character) not in UNSHOWN and not (ascii_only and code > 126)
    ):
        return character
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
