from __future__ import annotations

import pytest

from finial.config.scanner import Scanner, TokenType
from finial.config.tree import SyntaxFault


def scan(text: str) -> list[tuple[str, str]]:
    return [(token.type.value, token.value) for token in Scanner(text, "x").tokens()][:-1]


def test_tells_kinds_of_token_apart() -> None:
    assert scan('a = "b" 1 -2 0x1F 1.5 1e3 true falsely {}[],') == [
        ("IDENT", "a"),
        ("ASSIGN", "="),
        ("STRING", "b"),
        ("NUMBER", "1"),
        ("NUMBER", "-2"),
        ("NUMBER", "0x1F"),
        ("FLOAT", "1.5"),
        ("FLOAT", "1e3"),
        ("BOOL", "true"),
        ("IDENT", "falsely"),
        ("LBRACE", "{"),
        ("RBRACE", "}"),
        ("LBRACK", "["),
        ("RBRACK", "]"),
        ("COMMA", ","),
    ]


def test_keeps_quotes_inside_an_interpolation() -> None:
    assert scan('"a ${f("x{}")} b"') == [("STRING", 'a ${f("x{}")} b')]


def test_reads_escapes_of_go() -> None:
    assert scan(r'"\a\b\f\n\r\t\v\\\"\101\x41\u00e9\U0001F600"') == [
        ("STRING", '\a\b\f\n\r\t\v\\"AAé😀'),
    ]


@pytest.mark.parametrize("text", [r'"\q"', r'"\u12"', r'"\ud800"', r'"\U00110000"', '"\\', r'"\9"'])
def test_refuses_other_escapes(text: str) -> None:
    with pytest.raises(SyntaxFault):
        scan(text)


def test_positions_count_characters_from_one() -> None:
    tokens = list(Scanner('a = "ü" b\n  c', "f").tokens())
    assert [str(token.at) for token in tokens] == ["f:1:1", "f:1:3", "f:1:5", "f:1:9", "f:2:3", "f:2:4"]
    assert tokens[-1].type is TokenType.EOF


def test_a_heredoc_ends_at_its_word_alone_on_a_line() -> None:
    assert scan("<<E\nE1\n E\n")[0] == ("HEREDOC", "E1\n")
