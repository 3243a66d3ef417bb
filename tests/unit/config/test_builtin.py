from __future__ import annotations

import pytest

from finial.config import hcl
from finial.config.builtin import AGENT_PLUGINS, SERVER_PLUGINS, PluginKind, check_plugins
from finial.config.decode import Decoder
from finial.config.options import WORKS
from finial.config.plugins import read_plugins
from finial.config.tree import Position

SERVER = 'DataStore "sql" {} KeyManager "disk" {} NodeAttestor "join_token" {}'
AGENT = 'KeyManager "memory" {} NodeAttestor "join_token" {} WorkloadAttestor "unix" {}'


def problems(text: str, kinds: dict[str, PluginKind]) -> list[tuple[str, str, str]]:
    decoder = Decoder(Position("f"))
    check_plugins(read_plugins(hcl.parse(text, "f"), decoder), kinds, decoder)
    return [(str(one.at), one.text, one.hint) for one in decoder.problems.found]


@pytest.mark.parametrize(("text", "kinds"), [(SERVER, SERVER_PLUGINS), (AGENT, AGENT_PLUGINS)])
def test_what_works_is_accepted(text: str, kinds: dict[str, PluginKind]) -> None:
    assert problems(text, kinds) == []


def test_an_agent_may_have_several_workload_attestors() -> None:
    assert problems(AGENT + 'WorkloadAttestor "launcher" {}', dict(AGENT_PLUGINS)) == []


@pytest.mark.parametrize("kinds", [SERVER_PLUGINS, AGENT_PLUGINS])
def test_every_other_plugin_of_spire_is_refused_with_its_reason(kinds: dict[str, PluginKind]) -> None:
    for kind_name, kind in kinds.items():
        for name, status in kind.names.items():
            told = [text for _, text, _ in problems(f'{kind_name} "{name}" {{}}', kinds) if name in text]
            assert bool(told) == (status != WORKS)
            assert all(text.endswith(status.reason) for text in told if "constraint" not in text)


def test_an_unknown_plugin_is_told_with_those_that_work() -> None:
    assert problems(SERVER + 'NodeAttestor "nope" {}', dict(SERVER_PLUGINS)) == [
        (
            "f:1:82",
            'failed to load plugin "nope": no built-in plugin "nope" for type "NodeAttestor"',
            "one of join_token, x509pop, sshpop, http_challenge",
        )
    ]
    [(_, text, hint)] = problems(SERVER + 'Nope "x" {}', dict(SERVER_PLUGINS))
    assert text == 'unsupported plugin type "Nope"' and "NodeAttestor" in hint


def test_a_disabled_plugin_does_not_count() -> None:
    assert problems(SERVER + 'NodeAttestor "nope" { enabled = false }', dict(SERVER_PLUGINS)) == []
    [(_, text, _)] = problems(SERVER.replace('"disk" {}', '"disk" { enabled = false }'), dict(SERVER_PLUGINS))
    assert text == "KeyManager: constraint not satisfied: expected exactly 1 but got 0"


def test_a_plugin_program_is_told_once() -> None:
    told = problems(SERVER + 'NodeAttestor "ext" { plugin_cmd = "x" }', dict(SERVER_PLUGINS))
    assert len(told) == 1 and "plugin_cmd is not supported" in told[0][1]
