"""Trees of templates."""

from __future__ import annotations

import pytest

from finial.errors import InvalidArgument
from finial.template.nodes import Action, Chain, Command, Field, If, Literal, Name, Pipe, Text, Variable
from finial.template.parser import parse


def test_a_tree_has_places() -> None:
    assert parse("a\n{{ f .B.C 1 | f }}", {"f"}) == (
        Text("a\n"),
        Action(
            Pipe(
                (),
                False,
                (
                    Command((Name("f", (2, 4)), Field(("B", "C"), (2, 6)), Literal(1, (2, 11))), (2, 4)),
                    Command((Name("f", (2, 15)),), (2, 15)),
                ),
                (2, 4),
            )
        ),
    )


def test_else_if_is_an_if_inside() -> None:
    (node,) = parse("{{ if true }}a{{ else if false }}b{{ else }}c{{ end }}", ())
    assert isinstance(node, If) and isinstance(node.otherwise[0], If)
    assert node.otherwise[0].otherwise == (Text("c"),)


def test_fields_of_variables_and_of_parentheses() -> None:
    one, other = parse("{{ $.A }}{{ (.B).C }}", ())
    assert isinstance(one, Action) and one.pipe.commands[0].operands == (Variable("$", ("A",), (1, 4)),)
    assert isinstance(other, Action) and isinstance(other.pipe.commands[0].operands[0], Chain)


@pytest.mark.parametrize(
    "text",
    ["{{ else }}", "{{ if true }}{{ else }}{{ else }}{{ end }}", "{{ range $a, $b, $c := . }}{{ end }}", "{{ $a, $b := . }}",
     "{{ $a = 1 }}", "{{ . | }}", "{{ | . }}", "{{ (. }}", "{{ . ) }}", "{{ f | 1 }}", "{{ 'ab' }}", "{{ .A..B }}", "{{ $x := }}",
     "{{ template \"x\" }}", "{{ block \"x\" . }}{{ end }}", "{{ if true }}{{ break }}{{ end }}", "{{ end x }}", "{{ 1i }}"],
)  # fmt: skip
def test_what_is_no_template_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^template:1:\d+: "):
        parse(text, {"f"})
