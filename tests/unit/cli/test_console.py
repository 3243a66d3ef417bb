from __future__ import annotations

import io

import pytest

from finial.cli.console import Console


def test_results_and_the_rest_go_to_different_streams() -> None:
    out, err = io.StringIO(), io.StringIO()
    console = Console(stdout=out, stderr=err)
    console.out("result")
    console.err("note", end="")
    assert (out.getvalue(), err.getvalue()) == ("result\n", "note")
    assert not console.interactive


@pytest.mark.parametrize(
    ("program", "own"), [("finial", True), ("spire-server", False), ("spire-agent", False)]
)
def test_hints_are_for_those_who_call_finial(program: str, own: bool) -> None:
    assert Console(program).own_name is own


def test_hints_are_not_for_callers_of_spire_and_help_goes_where_it_is_read() -> None:
    for program, told, noted in (("finial", "help\n", "hint: next\n"), ("spire-agent", "", "help\n")):
        out, err = io.StringIO(), io.StringIO()
        console = Console(program, stdout=out, stderr=err)
        console.help("help")
        console.hint("next")
        console.hint(None)
        assert (out.getvalue(), err.getvalue()) == (told, noted)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_of_a_terminal_and_nothing_elsewhere() -> None:
    for err, told in ((Terminal(), "\r\x1b[K1 of 2\r\x1b[K"), (io.StringIO(), "")):
        console = Console(stderr=err)
        console.progress("1 of 2")
        console.progress("")
        assert err.getvalue() == told
