"""Templates as Go and sprig render them: tests/vectors/template, made by tests/interop/go/templatevectors."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType

import pytest

from finial.errors import FinialError, InvalidArgument, ResourceExhausted
from finial.template import Template
from finial.template.values import Record

VECTORS = Path(__file__).parents[2] / "vectors" / "template" / "rendered.jsonl"
CASES = [json.loads(line) for line in VECTORS.read_text().splitlines()]
DATA = Record(
    "main.data",
    {
        "PluginName": "x509pop",
        "Fingerprint": "0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33",
        "Subject": Record("main.name", {"CommonName": "Web-1.Example", "Organization": ["Acme", "Ops & Co"]}),
        "DNSNames": ["b.example", "a.example", "b.example"],
        "Empty": [],
        "Serial": 1234567,
        "Ratio": 2.5,
        "Yes": True,
        "Nothing": None,
        "Data": b"abc",
        "Facts": MappingProxyType({"zone": "east", "rack": "r7"}),
        "Tree": {"a": {"b": "deep"}, "n": 3},
    },
)


# sprig's regexMatch takes a pattern that is none for one that does not match; here it is an error.
BAD_PATTERNS = {
    one["template"] for one in CASES if '{{ regexMatch "' in one["template"] and one.get("output") == "false"
}


@pytest.mark.parametrize("case", CASES, ids=[str(one["template"])[:60] for one in CASES])
def test_renders_as_go_does(case: dict[str, str]) -> None:
    if "output" in case and case["template"] not in BAD_PATTERNS:
        assert Template.parse(case["template"]).render(DATA) == case["output"]
    elif case.get("fails") == "parse":
        with pytest.raises(InvalidArgument, match=r"^template:\d+:\d+: "):
            Template.parse(case["template"])
    else:
        with pytest.raises(FinialError):
            Template.parse(case["template"]).render(DATA)


def test_a_template_can_be_rendered_again_and_changes_no_data() -> None:
    template = Template.parse('{{ $d := dict "a" 1 }}{{ set $d "b" 2 }}{{ sortAlpha .names }}{{ .names }}')
    names = ["b", "a"]
    for _ in range(2):
        assert template.render({"names": names}) == "map[a:1 b:2][a b][b a]"
    assert names == ["b", "a"]


def test_maps_of_the_data_cannot_be_changed() -> None:
    with pytest.raises(InvalidArgument, match="wrong type for value of set"):
        Template.parse('{{ set .m "b" 2 }}').render({"m": MappingProxyType({"a": 1})})


@pytest.mark.parametrize(
    "text",
    [
        '{{ repeat 1000000000 "x" }}',
        '{{ printf "%999999d" 1 }}',
        "{{ range 1000000000 }}x{{ end }}",
        "{{ $x := list 1 }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ $x }}",
        "{{ $x := list 1 }}{{ range 5000 }}{{ $x = list $x }}{{ end }}{{ $x }}",
        '{{ $d := dict }}{{ $d := set $d "self" $d }}{{ $d }}',
        '{{ $x := "ab" }}{{ range 60 }}{{ $x = replace "a" $x $x }}{{ end }}',
        "{{ seq 1000000000 }}",
        '{{ indent 1000000000 "x" }}',
        '{{ $s := repeat 5000 "a" }}{{ regexMatch "(a*)*b(a*)*(a*)*(a*)*(a*)*(a*)*(a*)*(a*)*(a*)*" (repeat 60000 "a") }}',
        "{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}",
    ],
)
def test_what_would_cost_too_much_is_refused(text: str) -> None:
    with pytest.raises(ResourceExhausted, match="template"):
        Template.parse(text).render({})


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("x\n  {{ nope }}", "2:6"),
        ("{{ if true }}", "1:14"),
        ('{{ define "x" }}{{ end }}', "1:4"),
        ("{{ $x }}", "1:4"),
        ('{{ "a\\q" }}', "1:4"),
        ("{{ " + "(" * 100 + "1" + ")" * 100 + " }}", "1:68"),
    ],
)
def test_faults_are_told_with_their_place(text: str, place: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^template:{place}: "):
        Template.parse(text)


def test_a_missing_field_is_told_with_its_place() -> None:
    with pytest.raises(InvalidArgument, match=r'^template:1:5: map has no entry for key "b"$'):
        Template.parse("a{{ .b }}").render({"a": 1})
