"""The reader of transcripts and its comparison find what they are there to find."""

from __future__ import annotations

import base64

import pytest

from finial.testing.ca import TestCa
from finial.testing.transcripts import File, Outcome, Step, differences, kinds_shown, learned, parse

TEXT = """\
# spire-server: a thing
# environment A=b

## first

$ spire-server thing show -id 'a b'   # as uid 65534
in| {}
exit 1
out| Thing : <UUID>
out|
out| end
# out: no line end
err| Error: <DIR>/absent
# wrote svid.pem mode 0644 <PEM CERTIFICATE>

## second

$ spire-server thing -h
exit 0
err| Usage of thing:
# err: help text follows

$ spire-server thing watch
exit (none: still running, ended by the test)
out| tick
# lines that repeat are shown once
"""
UUID = "123e4567-e89b-12d3-a456-426614174000"
NAMES = {"<DIR>": "/tmp/x"}


@pytest.fixture
def steps() -> list[Step]:
    return parse(TEXT)


def test_everything_of_a_transcript_is_read(steps: list[Step]) -> None:
    first, second, third = steps
    assert first.words == ["spire-server", "thing", "show", "-id", "a b"]
    assert (first.section, first.uid, first.stdin, first.exit) == ("first", 65534, "{}\n", 1)
    assert (first.out, first.err) == (["Thing : <UUID>", "", "end"], ["Error: <DIR>/absent"])
    assert not first.ends_line
    assert first.wrote == [File("svid.pem", 0o644, "<PEM CERTIFICATE>")]
    assert second.help_follows
    assert (third.exit, third.once) == (None, True)


def test_a_line_of_no_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        parse("$ a\nnonsense\n")


def test_what_is_as_recorded_does_not_differ(steps: list[Step]) -> None:
    assert not differences(steps[0], Outcome(1, f"Thing : {UUID}\n\nend", "Error: /tmp/x/absent\n"), NAMES)
    assert not differences(steps[1], Outcome(0, "", "Usage of thing:\n  -flag\n"), NAMES)
    assert not differences(steps[2], Outcome(None, "tick\ntick\n", ""), NAMES)


@pytest.mark.parametrize(
    "got",
    [
        Outcome(0, f"Thing : {UUID}\n\nend", "Error: /tmp/x/absent\n"),
        Outcome(1, "Thing : 42\n\nend", "Error: /tmp/x/absent\n"),
        Outcome(1, f"Thing : {UUID}\n\nend\n", "Error: /tmp/x/absent\n"),
        Outcome(1, "", "Error: /tmp/x/absent\n"),
        Outcome(1, f"Thing : {UUID}\n\nend", "Error: /tmp/y/absent\n"),
        Outcome(1, f"Thing : {UUID}\n\nend", "Error: /tmp/x/absent\nhint: more\n"),
        Outcome(1, f"Thing : {UUID}\n\nend", ""),
    ],
)
def test_anything_else_differs(steps: list[Step], got: Outcome) -> None:
    assert differences(steps[0], got, NAMES)


def test_help_that_does_not_follow_differs(steps: list[Step]) -> None:
    assert differences(steps[1], Outcome(0, "", "Usage of thing:\n"), NAMES)


def test_certificates_and_tokens_are_told_by_kind() -> None:
    encoded = base64.b64encode(TestCa("other.test").der).decode()
    assert kinds_shown(f'{{"a":"{encoded}"}}') == '{"a":"<DER CA spiffe://other.test>"}'
    assert kinds_shown("token: eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.c2ln") == "token: <JWT>"


def test_a_numbered_placeholder_is_one_value_wherever_it_appears() -> None:
    first = Step(1, "", "show", out=["  ID: <THING-1>"])
    names = learned(first, Outcome(0, "  ID: abc\n", ""), NAMES)
    assert names == {"<THING-1>": "abc"}
    assert not differences(first, Outcome(0, "  ID: abc\n", ""), names)
    assert differences(first, Outcome(0, "  ID: other\n", ""), names)
