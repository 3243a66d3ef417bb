"""Decoding, held against what hashicorp/hcl 1.0.1 makes of the same texts, and the errors we add."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from finial.config import hcl
from finial.config.decode import decode
from finial.config.options import one_of, option, refused, required, subsumed
from finial.config.problems import ConfigError, Fault
from finial.config.tree import SyntaxFault
from finial.spiffe.id import SpiffeId

VECTORS = Path(__file__).parents[2] / "vectors" / "config"
EXPECTED = [json.loads(line) for line in (VECTORS / "decode.jsonl").read_text().splitlines()]
# Texts whose rest that library drops without a word, and unknown keys it does not notice.
REFUSED_HERE_ONLY = {"list-two-commas.hcl", "no-value.hcl", "json-comma.json", "json-open.json"}
REFUSED_HERE_ONLY |= {"three-labels.hcl"}
READ_HERE_ONLY = {"json-escapes.json", "block-list.hcl"}  # a list of objects is blocks in HCL as in JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    text: str = option("", "x")
    number: int = option(0, "x")
    list: tuple[str, ...] = option((), "x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    text: str = option("", "x")
    number: int = option(0, "x")
    yes: bool = option(False, "x")
    maybe: bool | None = option(None, "x")
    list: tuple[str, ...] = option((), "x")
    block: Block | None = option(None, "x")
    plain: Block = option(Block(), "x")
    many: tuple[Block, ...] = option((), "x")
    map: Mapping[str, str] = option({}, "x")
    labels: Mapping[str, Block] = option({}, "x")


def as_go_prints(root: Root) -> object:
    """Go tells no list from an empty one; we do not."""
    text = json.dumps(asdict(root), default=list)
    return json.loads(text)


def lowered(value: object) -> object:
    """Go's field names in lower case, null lists and maps as empty ones; labels and map keys stay."""
    fields = {"Text", "Number", "Yes", "Maybe", "List", "Block", "Plain", "Many", "Map", "Labels"}
    if isinstance(value, list):
        return [lowered(one) for one in value]
    if not isinstance(value, dict):
        return value
    empty: dict[str, object] = {"List": [], "Many": [], "Map": {}, "Labels": {}}
    return {
        (key.lower() if key in fields else key): empty.get(key) if one is None else lowered(one)
        for key, one in value.items()
        if key != "Unknown"
    }


@pytest.mark.parametrize("row", EXPECTED, ids=lambda row: str(row["file"]))
def test_decodes_as_the_library_of_spire_does(row: dict[str, dict[str, object]]) -> None:
    name = str(row["file"])
    text = (VECTORS / name).read_bytes()
    unknown = row.get("value", {}).get("Unknown")
    if name in READ_HERE_ONLY:
        decode(hcl.parse(text, name), Root)
    elif "error" in row or unknown or name in REFUSED_HERE_ONLY:
        with pytest.raises((ConfigError, SyntaxFault)):
            decode(hcl.parse(text, name), Root)
    else:
        assert as_go_prints(decode(hcl.parse(text, name), Root)) == lowered(row["value"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    size: int = option(1, "x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    name: str = required("x", "name must be configured")
    color: str = option(
        "red", "x", parse=one_of("red", "green", sentence='"{}" is no color'), failure="bad color {}"
    )
    wait: timedelta = option(timedelta(hours=1), "x", failure="could not parse wait {}")
    ids: tuple[SpiffeId, ...] = option((), "x", parse=SpiffeId.parse, failure="could not parse ID {}")
    never: bool = option(False, "x", status=refused("it is not there yet"))
    always: str = option("", "x", status=subsumed("changes are pushed"))
    inner: Inner = option(Inner(), "x", section="inner part")
    old: Inner | None = option(None, "x", status=refused("it is gone"))


def read(text: str) -> Config:
    return decode(hcl.parse('name = "n" ' + text, "f.conf"), Config, "top")


def problems(text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return [(str(one.at), one.text, one.hint) for one in caught.value.problems]


def test_what_is_not_set_has_its_default() -> None:
    assert read("") == Config(name="n")
    assert read('color = "" wait = ""') == Config(name="n")


def test_texts_become_values() -> None:
    config = read('wait = "90s" ids = ["spiffe://a.test/b"] inner { size = "7" } never = false')
    assert config.wait == timedelta(seconds=90)
    assert config.ids == (SpiffeId.parse("spiffe://a.test/b"),)
    assert config.inner.size == 7


def test_an_unknown_key_has_its_place_and_a_suggestion() -> None:
    assert problems("waitt = 1") == [
        ("f.conf:1:12", 'unknown key "waitt" in section top', 'did you mean "wait"?')
    ]
    assert problems("\n  inner {\n    sise = 1 }") == [
        ("f.conf:3:5", 'unknown key "sise" in section inner part', 'did you mean "size"?')
    ]
    assert problems("zzz = 1") == [("f.conf:1:12", 'unknown key "zzz" in section top', "")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("inner { size = [1] }", "inner.size: wants a whole number, got a list"),
        ('inner { size = "x" }', 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("inner { size = 1.5 }", "inner.size: wants a whole number, got a fraction"),
        ('never = "true"', "never: wants true or false without quotes, got text"),
        ("color = true", "color: wants text, got a boolean"),
        ('ids = "x"', "ids: wants a list of texts, got text"),
        ("ids = [true]", "ids: wants a list of texts, got a boolean"),
        ("inner = 5", "inner: wants a block, got a whole number"),
        ('wait = "abc"', 'could not parse wait "abc": time: invalid duration "abc"'),
        ("wait = 24", 'could not parse wait "24": time: missing unit in duration "24"'),
        ('color = "blue"', 'bad color "blue": "blue" is no color'),
        ('ids = ["nope"]', 'could not parse ID "nope": scheme is missing or invalid'),
        ("never = true", "never is not supported: it is not there yet"),
        ("old {}", "old is not supported: it is gone"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(text: str, why: str) -> None:
    [(at, told, _)] = problems(text)
    assert told == why
    assert at.startswith("f.conf:1:")


def test_unknown_keys_of_the_vectors_have_the_places_that_the_library_tells() -> None:
    with pytest.raises(ConfigError) as caught:
        decode(hcl.parse((VECTORS / "unknown.hcl").read_text(), "f"), Root)
    [expected] = [row["value"]["Unknown"] for row in EXPECTED if row["file"] == "unknown.hcl"]
    places = {one.key: [[one.at.line, one.at.column]] for one in caught.value.problems}
    assert places == expected | {"nope": [[3, 9]]}  # Go does not look for it inside a block


def test_a_missing_option_is_told() -> None:
    for text in ("", 'name = ""'):
        with pytest.raises(ConfigError) as caught:
            decode(hcl.parse(text, "f.conf"), Config)
        assert caught.value.sentence == "name must be configured"


def test_all_problems_are_told_together() -> None:
    found = problems("zzz = 1 never = true inner { size = [] size2 = 1 }")
    assert [at for at, _, _ in found] == ["f.conf:1:12", "f.conf:1:28", "f.conf:1:51", "f.conf:1:48"]


def test_kinds_of_fault_are_told_apart() -> None:
    with pytest.raises(ConfigError) as caught:
        read('zzz = 1 never = true color = [] wait = "x"')
    assert sorted(one.fault for one in caught.value.problems) == [
        Fault.TYPE,
        Fault.UNKNOWN_KEY,
        Fault.VALUE,
        Fault.REFUSED,
    ]


def test_a_file_of_nothing_but_unknown_keys_is_told_in_part() -> None:
    assert len(problems("zzz = 1 " * 5000)) == 50
