from __future__ import annotations

import pytest

from finial.cli import flags, tree


@pytest.mark.parametrize(
    ("program", "words", "path", "rest"),
    [
        ("spire-server", ["run", "-config", "a"], "server run", ["-config", "a"]),
        ("spire-server", ["agent", "list"], "agent list", []),
        ("spire-agent", ["run"], "agent run", []),
        ("spire-agent", ["api", "fetch"], "agent api fetch x509", []),
        ("spire-agent", ["api", "fetch", "jwt", "-audience", "a"], "agent api fetch jwt", ["-audience", "a"]),
        ("finial", ["agent", "api", "fetch", "x509"], "agent api fetch x509", []),
        ("finial", ["agent", "list"], "agent list", []),
        ("finial", ["server", "run"], "server run", []),
    ],
)
def test_the_longest_path_is_found(program: str, words: list[str], path: str, rest: list[str]) -> None:
    found = tree.find(program, words)
    assert found is not None
    assert (found[0].path, found[1]) == (path, rest)


@pytest.mark.parametrize("program", tree.PROGRAMS)
def test_commands_that_begin_alike_are_of_one_module(program: str) -> None:
    module_of = {
        path: command.run.__module__
        for first in tree.PROGRAMS[program]
        for command in tree.commands(program, first)
        for path in tree.aliases(program, command)
    }
    for path, module in module_of.items():
        longer = {other for name, other in module_of.items() if name.startswith(f"{path} ")}
        assert longer <= {module}


@pytest.mark.parametrize("words", [["entry"], ["entry", "nope"], ["bundle", "-h"]])
def test_a_group_alone_is_no_command(words: list[str]) -> None:
    assert tree.find("spire-server", words) is None


def test_a_group_lists_what_may_follow() -> None:
    assert list(tree.group("spire-server", ["entry", "nope"])) == [
        "count",
        "create",
        "delete",
        "show",
        "update",
    ]
    assert list(tree.group("finial", ["agent", "api", "nope"])) == [
        "fetch x509", "fetch jwt", "validate jwt", "watch",
    ]  # fmt: skip


@pytest.mark.parametrize("program", tree.PROGRAMS)
def test_every_first_word_has_commands_and_no_two_are_typed_alike(program: str) -> None:
    typed = [
        tree.typed(program, command)
        for first in tree.PROGRAMS[program]
        for command in tree.commands(program, first)
    ]
    assert len(typed) == len(set(typed))
    assert {one.split()[0] for one in typed} == set(tree.PROGRAMS[program])


# Commands without `-output`, and why.
NO_DATA = {
    "server run": "a daemon: it logs, as JSON with -logFormat json",
    "agent run": "a daemon: it logs, as JSON with -logFormat json",
    "server validate": "a sentence, and an exit code; SPIRE refuses the flag",
    "agent validate": "a sentence, and an exit code; SPIRE refuses the flag",
    "server healthcheck": "a sentence, and an exit code; SPIRE refuses the flag",
    "agent healthcheck": "a sentence, and an exit code; SPIRE refuses the flag",
    "completion": "a script",
    "completion candidates": "lines for a shell",
}


def test_every_command_that_prints_data_prints_json_if_asked() -> None:
    without = {
        command.path
        for first in tree.OWN
        for command in tree.commands("finial", first)
        if "output" not in [one.name for one in flags.declared(command.flags)]
    }
    assert without == NO_DATA.keys()
