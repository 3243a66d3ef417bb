"""Rules of evaluation that the vectors do not name."""

from __future__ import annotations

import pytest

from finial.errors import InvalidArgument, ResourceExhausted
from finial.template.budget import Budget
from finial.template.evaluate import evaluate
from finial.template.functions import FUNCTIONS
from finial.template.parser import parse


def render(text: str, data: object = None, limit: int = 10_000) -> str:
    return evaluate(parse(text, FUNCTIONS), data, Budget(limit))


def test_variables_end_with_their_block_and_loops_leave_none() -> None:
    text = "{{ $x := 1 }}{{ range $i, $e := list 5 6 }}{{ $x := 9 }}{{ $x }}{{ end }}{{ $x }}"
    assert render(text) == "991"


def test_a_loop_can_set_a_variable_that_is_there() -> None:
    assert render("{{ $x := 0 }}{{ range $x = list 5 6 }}{{ end }}{{ $x }}") == "6"


@pytest.mark.parametrize(
    ("text", "why"),
    [("{{ .a.b.c }}", "can't evaluate field c in type int"), ("{{ .n.x }}", "nil data"), ("{{ 1 2 }}", "can't give argument"),
     ("{{ nil }}", "nil is not a command"), ("{{ range 1.5 }}{{ end }}", "range can't iterate over 1.5"),
     ("{{ and }}", "wrong number of args for and")],
)  # fmt: skip
def test_faults_are_told(text: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        render(text, {"a": {"b": 1}, "n": None})


def test_every_step_costs() -> None:
    with pytest.raises(ResourceExhausted):
        render("{{ range 100 }}x{{ end }}", limit=100)
