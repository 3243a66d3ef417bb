"""Whatever stands in a line, completing it asks a server or does nothing: no error of another kind reaches a shell."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from finial.cli.completion.candidates import expanded, question
from finial.cli.completion.listed import LISTS
from finial.cli.flags import UsageError

WORDS = st.sampled_from(
    [
        "finial", "spire-server", "spire-agent", "entry", "show", "update", "agent", "ban", "bundle", "delete", "-id",
        "-entryID", "--spiffeID=", "-spiffeID", "-socketPath", "-instance", "-downstream", "-output=json", "--", "-", "=", "",
    ]
)  # fmt: skip


@given(st.lists(st.one_of(WORDS, st.text(max_size=8)), max_size=8))
def test_any_line_is_a_question_or_none(words: list[str]) -> None:
    with suppress(UsageError):
        asked = question(words)
        assert asked is None or (asked.refers_to in LISTS and words[-1].endswith(asked.begins))


@given(st.text(max_size=40))
def test_any_word_is_taken_in_some_way(word: str) -> None:
    assert isinstance(expanded(word), str)
