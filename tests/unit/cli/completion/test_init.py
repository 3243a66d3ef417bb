from __future__ import annotations

from collections.abc import Callable

import pytest

from finial.cli.completion import SHELLS
from finial.cli.completion.table import table
from finial.testing.transcripts import Outcome

Call = Callable[..., Outcome]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_is_printed(call: Call, shell: str) -> None:
    assert call("completion", shell) == Outcome(0, SHELLS[shell](table()), "")


@pytest.mark.parametrize("words", [("tcsh",), (), ("bash", "zsh")])
def test_a_shell_that_is_unknown_is_refused_with_those_that_are_known(call: Call, words: tuple[str]) -> None:
    got = call("completion", *words)
    assert got.exit == 1
    assert got.err.startswith("Error: completion wants the name of a shell: bash, zsh, fish\n")


def test_candidates_are_never_an_error(call: Call) -> None:
    nobody = ("finial", "entry", "show", "-socketPath", "/nobody", "-entryID", "")
    assert call("completion", "candidates", "--", *nobody) == Outcome(0, "", "")
    assert call("completion", "candidates") == Outcome(0, "", "")
