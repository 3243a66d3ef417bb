"""sprig's functions on the case of letters and on words."""

from __future__ import annotations

import re
import unicodedata
from itertools import groupby

from finial.template.functions.declare import function
from finial.template.values import to_bytes

WORD_START = re.compile(r"\S+")
TITLE_START = re.compile(r"(?<!\w)[^\W\d_]")


@function("upper", str)
def upper(text: str) -> str:
    return "".join(_single(one, one.upper()) for one in text)


@function("lower", str)
def lower(text: str) -> str:
    return "".join(_single(one, one.lower()) for one in text)


def _single(character: str, changed: str) -> str:
    """Go maps one letter to one letter."""
    return changed if len(changed) == 1 else character


@function("title", str)
def title(text: str) -> str:
    return TITLE_START.sub(lambda found: upper(found.group()), text)


@function("untitle", str)
def untitle(text: str) -> str:
    return WORD_START.sub(lambda found: lower(found.group()[:1]) + found.group()[1:], text)


@function("initials", str)
def initials(text: str) -> str:
    """By bytes, as goutils reads them."""
    letters = to_bytes(text).decode("latin-1")
    return "".join(word[:1] for word in letters.split())


@function("swapcase", str)
def swapcase(text: str) -> str:
    return "".join(_single(one, one.upper() if one.islower() else one.lower()) for one in text)


@function("camelcase", str)
def camelcase(text: str) -> str:
    """Words begin large, what joined them goes; more than one joint leaves all but one of them."""
    shown: list[str] = []
    begins, was_large = True, False
    leading = True
    for index, one in enumerate(text):
        if _joins(one):
            following = text[index + 1 : index + 2]
            if leading or not following or _joins(following):
                shown.append(one)
            begins = True
            continue
        if begins:
            was_large = one.isupper()
            shown.append(upper(one))
        else:
            if was_large and not one.isupper():
                was_large = False
            shown.append(lower(one) if was_large else one)
        begins = leading = False
    return "".join(shown)


def _joins(character: str) -> bool:
    return character in "-_" or character.isspace()


@function("snakecase", str)
def snakecase(text: str) -> str:
    return _words_joined(text, "_")


@function("kebabcase", str)
def kebabcase(text: str) -> str:
    return _words_joined(text, "-")


def _kind(character: str) -> str:
    category = unicodedata.category(character)
    if _joins(character):
        return "joint"
    if category.startswith("P"):
        return "mark"
    if category == "Lu":
        return "large"
    if category.startswith("L"):
        return "small"
    return "number" if category.startswith("N") else "other"


def _words(text: str) -> list[tuple[str, str]]:
    """Kind and text of each word: `HTTPServer2x` is HTTP, Server, 2, x. One large letter takes the small ones
    that follow, of more the last does."""
    words: list[tuple[str, str]] = []
    for kind, run in groupby(text, _kind):
        part = "".join(run)
        if kind == "small" and words and words[-1][0] == "large":
            before = words.pop()[1]
            if len(before) > 1:
                words.append(("large", before[:-1]))
            words.append(("large", before[-1] + part))
        else:
            words.append((kind, part))
    return words


def _words_joined(text: str, joint: str) -> str:
    """Small letters, a joint between words. A number belongs to the word before it, or if small letters follow
    to those; then further small letters and numbers belong there too."""
    words, shown, index = _words(text), list[str](), 0

    def kind(at: int) -> str:
        return words[at][0] if at < len(words) else ""

    def put(at: int) -> None:
        word_kind, word = words[at]
        shown.append(joint * len(word) if word_kind == "joint" else lower(word))

    def run_on(at: int) -> int:
        while kind(at) in ("small", "number"):
            put(at)
            at += 1
        return at

    def part(at: int) -> None:
        if kind(at) not in ("", "joint", "mark"):
            shown.append(joint)

    while index < len(words):
        put(index)
        here, index = kind(index), index + 1
        if here == "number":
            index = run_on(index)
            part(index)
        elif here in ("joint", "mark"):
            continue
        elif kind(index) == "number" and index + 1 < len(words):
            if kind(index + 1) == "small":
                shown.append(joint)
                index = run_on(index)
            else:
                put(index)
                index += 1
            part(index)
        elif kind(index) != "number":
            part(index)
    return "".join(shown)
