"""Any text: a tree or our error, in bounded time."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from finial.config import durations, hcl
from finial.config.expand import expand
from finial.config.tree import SyntaxFault
from finial.errors import InvalidArgument

FRAGMENTS = [
    '"',
    "{",
    "}",
    "[",
    "]",
    "=",
    ",",
    "a",
    "b.c",
    "1",
    "0x",
    "09",
    "-",
    "true",
    "\n",
    " ",
    "#",
    "/*",
]
FRAGMENTS += ["*/", "<<E\n", "<<-E\n", "E\n", "${", "\\", "\\u12", "1.5e", ":", "null", "ü", "\r\n", "\ufeff"]


@given(st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS)).map("".join)), st.booleans())
def test_any_text_is_read_or_refused(text: str, as_json: bool) -> None:
    with suppress(SyntaxFault):
        hcl.parse("{" + text if as_json else text, "x")


@given(st.binary())
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    with suppress(SyntaxFault):
        hcl.parse(text, "x")


@given(st.text())
def test_any_text_in_quotes_comes_back(text: str) -> None:
    quoted = "".join(f"\\U{ord(one):08x}" for one in text)
    [item] = hcl.parse(f'a = "{quoted}"', "x").items
    assert getattr(item.value, "value", None) == text


@given(st.text(alphabet="0123456789.hmsnuµ+- d"))
def test_any_duration_is_read_or_refused(text: str) -> None:
    with suppress(InvalidArgument):
        durations.parse_duration(text)


@given(st.timedeltas(min_value=timedelta(days=-99999), max_value=timedelta(days=99999)))
def test_a_duration_written_is_read_back(duration: timedelta) -> None:
    assert durations.parse_duration(durations.format_duration(duration)) == duration


@given(st.text(alphabet="$ab{}1*\n"), st.dictionaries(st.sampled_from(["a", "b", "ab"]), st.text()))
def test_any_text_is_expanded(text: str, environment: dict[str, str]) -> None:
    assert isinstance(expand(text, environment), str)
