"""What a stock SPIRE 1.15.3 said about configurations (tests/vectors/config/spire-*.txt), and what we say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from finial.config.agent import load_agent
from finial.config.problems import ConfigError, Fault
from finial.config.server import load_server

VECTORS = Path(__file__).parents[2] / "vectors" / "config"
LOADERS = {"server": load_server, "agent": load_agent}

# Refused by SPIRE after the file is read, when names are resolved, files opened and plugins configured.
LATER = {
    "server: bad bind address",
    "server: log_file in an absent folder",
    "whole: no connection string",
    "plugins: unknown key in plugin_data",
    "plugins: plugin without its required key",
    "plugins: plugin_data_file that is absent",
    "plugins: plugin without plugin_data",
}
# Accepted by SPIRE, or refused in other words, because it does not notice or because we do not do it.
OURS = {
    "server: negative ca_ttl": "ca_ttl must be more than zero",
    "server: unknown key in federation": "unknown configuration detected",
    "server: unknown key in bundle_endpoint": "unknown configuration detected",
    "server: unknown key in experimental": "unknown configuration detected",
    "agent: unknown key in experimental": "unknown configuration detected",
    "agent: unknown key in sds": "unknown configuration detected",
    "plugins: unknown key in a plugin block": "unknown configuration detected",
    "plugins: plugin_cmd of an absent program": "plugins.NodeAttestor.ext.plugin_cmd is not supported",
    "plugins: enabled as a word": "unable to decode configuration",
    "plugins: a second KeyManager": "KeyManager: constraint not satisfied: expected exactly 1 but got 2",
    "plugins: a second NodeAttestor": "NodeAttestor: constraint not satisfied: expected exactly 1 but got 2",
    "plugins: two UpstreamAuthorities": "UpstreamAuthority: constraint not satisfied: expected at most 1 but got 2",
    "plugins: unknown plugin": 'failed to load plugin "nope": no built-in plugin "nope" for type "NodeAttestor"',
    "plugins: unknown WorkloadAttestor": 'failed to load plugin "nope": no built-in plugin "nope" for type "W',
    "plugins: unknown kind": 'unsupported plugin type "Nope"',
    "plugins: server plugin kind": 'unsupported plugin type "DataStore"',
    "plugins: plugin without a name": 'failed to load plugin "plugin_data": no built-in plugin "plugin_data"',
    "plugins: unknown key in unix": 'failed to load plugin "docker": WorkloadAttestor "docker" is not supported',
    "server-whole: empty plugins": "'datastore' must be configured",
    "agent-whole: empty plugins": "KeyManager: constraint not satisfied: expected exactly 1 but got 0",
    "whole: trust domain as an id": "'datastore' must be configured",
    "whole: server twice": "'datastore' must be configured",
    "whole: no DataStore": "'datastore' must be configured",
    "whole: no KeyManager": "KeyManager: constraint not satisfied: expected exactly 1 but got 0",
    "whole: no WorkloadAttestor": "WorkloadAttestor: constraint not satisfied: expected at least 1 but got 0",
    "top: unknown key in telemetry": "unknown configuration detected",
    "top: key without a value": "unable to decode configuration",
    "whole: an agent section only": "unknown configuration detected",
    "whole: JSON with a comma too much": "unable to decode configuration",
    "agent: admin socket beside the public one": "agent.admin_socket_path is not supported",
    "agent: admin socket below the public one": "agent.admin_socket_path is not supported",
    "agent: admin socket good": "agent.admin_socket_path is not supported",
    "agent: foreign authorized delegate": "agent.authorized_delegates is not supported",
    "agent: broker with a bad id": "agent.experimental.broker is not supported",
    "agent: broker without brokers": "agent.experimental.broker is not supported",
    "agent: jwt_svid_cache_hit_timeout too long": "jwt_svid_cache_hit_timeout (1m0s) must be less than 30s",
}
NOT_DONE_HERE = {
    r"federat|https_web|bad refresh_hint": "server.federation is not supported",
    r"auth_opa": "server.experimental.auth_opa_policy_engine is not supported",
    r"M3": "telemetry.M3 is not supported",
    r"Statsd without": "address must be configured",
}


@dataclass(frozen=True)
class Case:
    program: str
    name: str
    text: str
    refused: bool
    sentence: str

    def __str__(self) -> str:
        return f"{self.program}-{self.name}"

    @property
    def expected(self) -> str | None:
        """How the first line begins; None where the file is accepted."""
        if self.name in LATER:
            return None
        for name in (self.name, str(self)):
            if name in OURS:
                return OURS[name]
        for pattern, beginning in NOT_DONE_HERE.items():
            if re.search(pattern, self.name) and "unknown key" not in self.name and "hint" not in self.name:
                return beginning
        if not self.refused:
            return None
        decoding = re.match(r"unable to decode configuration at \"[a-z.]+\"", self.sentence)
        return decoding.group() if decoding else self.sentence


def lines(case: str, mark: str) -> list[str]:
    return re.findall(rf"^{mark}\| ?(.*)$", case, re.MULTILINE)


def whole_text(base: str, name: str, conf: list[str]) -> str:
    group, added = name.split(":")[0], "\n".join(conf)
    if group == "whole" or name == "good":
        return added or base
    if group == "top":
        return f"{base}\n{added}"
    end = base.rindex("}") if group == "plugins" else base.index("\n}")
    return f"{base[:end]}\n{added}\n{base[end:]}"


def cases() -> Iterator[Case]:
    for program in LOADERS:
        head, *every = re.split(r"(?m)^## ", (VECTORS / f"spire-{program}.txt").read_text())
        base = "\n".join(lines(head, "base"))
        for case in every:
            name = case.partition("\n")[0]
            text = "" if name == "whole: empty file" else whole_text(base, name, lines(case, "conf"))
            told = [one.split("invalid: ", 1)[-1] for one in lines(case, "err")]
            yield Case(program, name, text, "\nexit 1" in case, told[0] if told else "")


@pytest.mark.parametrize("case", list(cases()), ids=str)
def test_refuses_what_spire_refuses_in_its_words_and_with_the_place(case: Case) -> None:
    if case.expected is None:
        LOADERS[case.program](case.text, f"{case.program}.conf")
        return
    with pytest.raises(ConfigError) as caught:
        LOADERS[case.program](case.text, f"{case.program}.conf")
    first, *places = str(caught.value).split("\n")
    assert first.startswith(case.expected)
    assert places and all(place.startswith(f"  {case.program}.conf") for place in places)


PLUGINS = 'plugins { DataStore "sql" {} KeyManager "memory" {} }'
GOOD = f"""
server {{ trust_domain = "example.org" data_dir = "$DATA" log_level = "WARN" }}
{PLUGINS}
"""


def test_flags_win_over_the_file_and_the_file_over_defaults() -> None:
    config = load_server(GOOD, "f", {"data_dir": "cli", "bind_port": 9, "log_source_location": True})
    assert (config.server.data_dir, config.server.bind_port) == ("cli", 9)
    assert str(config.server.log_level) == "warning"
    assert config.server.log_source_location
    assert config.server.socket_path == "/tmp/spire-server/private/api.sock"


def test_an_empty_flag_sets_nothing() -> None:
    assert load_server(GOOD, "f", {"data_dir": ""}).server.data_dir == "$DATA"


def test_a_flag_can_give_what_the_file_lacks() -> None:
    config = load_server(PLUGINS, "f", {"trust_domain": "a.test", "data_dir": "d"})
    assert config.server.trust_domain.name == "a.test"


def test_a_bad_flag_is_told_as_such() -> None:
    with pytest.raises(ConfigError) as caught:
        load_server(GOOD, "f", {"log_level": "nope"})
    assert str(caught.value) == 'could not start logger: not a valid logrus Level: "nope"\n  command line'


def test_variables_are_expanded_only_where_asked() -> None:
    assert load_server(GOOD, "f", environment={"DATA": "x"}).server.data_dir == "x"
    assert load_server(GOOD, "f").server.data_dir == "$DATA"


def test_a_variable_that_is_not_set_leaves_nothing() -> None:
    with pytest.raises(ConfigError, match="data_dir must be configured"):
        load_server(GOOD, "f", environment={})


def test_a_syntax_fault_is_a_config_error() -> None:
    with pytest.raises(ConfigError) as caught:
        load_server(b"server { trust_domain = \xff }", "f")
    [problem] = caught.value.problems
    assert (problem.fault, str(problem.at)) == (Fault.SYNTAX, "f:1:25")
