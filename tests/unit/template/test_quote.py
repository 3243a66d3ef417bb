"""Texts in Go's quotes."""

from __future__ import annotations

from finial.template.quote import quoted, quoted_character


def test_texts_and_characters_are_quoted() -> None:
    assert quoted('a"\\\n\t\x00\x7fé\u200b\U000e0001 ') == '"a\\"\\\\\\n\\t\\x00\\x7fé\\u200b\\U000e0001 "'
    assert quoted(b"\xff".decode("utf-8", "surrogateescape")) == '"\\xff"'
    assert quoted("é", ascii_only=True) == '"\\u00e9"'
    assert quoted_character(ord("'")) == "'\\''"
    assert quoted_character(0xD800) == "'\ufffd'"
