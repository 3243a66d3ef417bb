"""Any file: a configuration or our error with places; and what a file says is what comes out."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from finial.config.agent import AgentFile, load_agent
from finial.config.options import Option, options_of
from finial.config.problems import ConfigError
from finial.config.server import ServerFile, load_server


def names(config: type) -> set[str]:
    found: set[str] = set()
    for one in options_of(config).values():
        found |= {one.name} | (names(one.block) if one.block else set())
    return found


NAMES = sorted(names(ServerFile) | names(AgentFile) | {"plugin_data", "sql", "nope", ""})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "1h", "24", "info", "example.org", "spiffe://a.test/b", "pem", "x" * 300, "ü"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip
SECTIONS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)
FILES = st.dictionaries(st.sampled_from(["server", "agent", "plugins", "telemetry", "x"]), SECTIONS | VALUES)


@given(FILES)
def test_any_file_is_used_or_refused(content: dict[str, object]) -> None:
    text = json.dumps(content)
    for load in (load_server, load_agent):
        with suppress(ConfigError):
            load(text, "f")


@given(FILES)
def test_a_refusal_has_a_first_line_and_a_place_for_each_problem(content: dict[str, object]) -> None:
    try:
        load_agent(json.dumps(content | {"agent": {"nope": 1}}), "f")
    except ConfigError as refused:
        error = refused
    first, *rest = str(error).split("\n")
    assert first
    assert len([line for line in rest if line.startswith("  f")]) == len(error.problems)


PLUGINS: dict[str, dict[str, dict[str, str]]] = {"DataStore": {"sql": {}}, "KeyManager": {"memory": {}}}


def plain_texts(config: type) -> list[Option]:
    """Options of text that take any text."""
    return [
        one
        for one in options_of(config).values()
        if isinstance(one.default, str) and not one.declaration.parse and one.declaration.status.reason == ""
    ]


@given(
    st.sampled_from([one.name for one in plain_texts(options_of(ServerFile)["server"].block or object)]),
    st.text(min_size=1),
)
def test_a_text_comes_out_as_it_was_written(name: str, text: str) -> None:
    server = {"trust_domain": "example.org", "data_dir": "d"} | {name: text}
    as_json = load_server(json.dumps({"server": server, "plugins": PLUGINS}), "f")
    assert getattr(as_json.server, name) == text
