"""Every option does what it says or is refused: the declarations, held against tests/config-effects.txt."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import finial.plugins
from finial.cli import agent, server
from finial.cli.configuration import NOT_OPTIONS
from finial.cli.flags import declared
from finial.config.agent import AgentFile, load_agent
from finial.config.datastore import DataStoreOptions
from finial.config.options import Kind, Option, Standing, options_of
from finial.config.problems import ConfigError
from finial.config.server import ServerFile, load_server

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "tests" / "config-effects.txt"


def walk(config: type, path: str, *, above: bool = False) -> Iterator[tuple[str, Option, bool]]:
    """Options that are no block of others, with whether they are refused, themselves or by what is around."""
    for one in options_of(config).values():
        name = f"{path}.{one.name}".replace("server.server.", "server.").replace("agent.agent.", "agent.")
        gone = above or one.declaration.status.standing is Standing.REFUSED
        if one.block is not None and options_of(one.block) and one.kind is Kind.BLOCK:
            yield from walk(one.block, name, above=gone)
        else:
            yield name, one, gone


def plugin_options() -> Iterator[tuple[str, Option, bool]]:
    start = finial.plugins.__name__ + "."
    for module in pkgutil.walk_packages(finial.plugins.__path__, start):
        for name, found in sorted(vars(importlib.import_module(module.name)).items()):
            if (
                isinstance(found, type)
                and dataclasses.is_dataclass(found)
                and found.__module__ == module.name
            ):
                yield from walk(found, f"{module.name.removeprefix(start)}.{name}")


OPTIONS = [
    *walk(ServerFile, "server"),
    *walk(AgentFile, "agent"),
    *walk(DataStoreOptions, "datastore"),
    *plugin_options(),
]
WORKING = {
    name
    for name, one, refused in OPTIONS
    if not refused and one.declaration.status.standing is Standing.WORKS
}
SHOWN = dict(
    line.split() for line in TABLE.read_text().splitlines() if line.strip() and not line.startswith("#")
)


def test_each_working_option_names_the_test_of_its_effect() -> None:
    assert sorted(WORKING - SHOWN.keys()) == [], f"add them to {TABLE.name}"


def test_the_table_names_working_options_only() -> None:
    assert sorted(SHOWN.keys() - WORKING) == []


@pytest.mark.parametrize("test", sorted(set(SHOWN.values())))
def test_each_named_test_is_there(test: str) -> None:
    path, _, name = test.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    assert name in {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}


@pytest.mark.parametrize(("side", "flags"), [("server", server.RunFlags), ("agent", agent.RunFlags)])
def test_each_flag_of_run_and_validate_sets_an_option_that_is_not_refused(side: str, flags: type) -> None:
    """That flags reach their options: tests/unit/cli/test_configuration.py, tests/unit/config/test_agent.py."""
    named = {f"{side}.{one.field}" for one in declared(flags) if one.field not in NOT_OPTIONS}
    assert named <= {name for name, _, refused in OPTIONS if not refused}


SERVER = 'server {{\n  trust_domain = "example.org"\n  data_dir = "data"\n{}\n}}\nplugins {{}}\n{}'
AGENT = (
    'agent {{\n  server_address = "a"\n  server_port = 1\n  trust_domain = "example.org"\n'
    "  insecure_bootstrap = true\n{}\n}}\nplugins {{}}\n{}"
)
OTHER = {
    Kind.TEXT: '"x"',
    Kind.NUMBER: "7",
    Kind.DURATION: '"7s"',
    Kind.TEXTS: '["x"]',
    Kind.MAP: '{ a = "b" }',
}


def written(one: Option) -> str:
    """The option as something else than its default."""
    if one.kind is Kind.BOOL:
        return f"{one.name} = {'false' if one.default else 'true'}"
    return f"{one.name} = {OTHER[one.kind]}" if one.kind in OTHER else f"{one.name} {{}}"


def refused_ones() -> Iterator[tuple[str, str]]:
    """Side, option written within its blocks, and the option alone."""
    for name, one, refused in OPTIONS:
        side, *blocks, _ = name.split(".")
        declared = one.declaration
        plain = (one.kind in OTHER or one.kind is Kind.BOOL) and not declared.check and not declared.parse
        if refused and plain and side in ("server", "agent"):
            yield (
                side,
                " ".join([*(f"{block} {{" for block in blocks), written(one), *("}" for _ in blocks)]),
            )


@pytest.mark.parametrize(("side", "text"), sorted(set(refused_ones())))
def test_what_is_refused_is_an_error_with_its_place_and_reason(side: str, text: str) -> None:
    outside = text.startswith(("telemetry", "health_checks"))
    frame, loader = (SERVER, load_server) if side == "server" else (AGENT, load_agent)
    whole = frame.format("" if outside else text, text if outside else "")
    with pytest.raises(ConfigError) as told:
        loader(whole, f"{side}.conf")
    places = [f"{side}.conf:{line}:{column}: " for line, column in positions(whole, text)]
    assert any(
        f"{place}{side}" in told.value.message or f"{place}telemetry" in told.value.message
        for place in places
    )
    assert "is not supported: " in told.value.message


def positions(whole: str, text: str) -> Iterator[tuple[int, int]]:
    """Where a value begins that `text` sets: after a sign of equality, or at a brace."""
    start = whole.index(text)
    line = whole.count("\n", 0, start) + 1
    first = whole.rfind("\n", 0, start)
    for found in re.finditer(r"= \S|\{", text):
        yield line, start + found.end() - 1 - first
