from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from finial.cli.agent import with_join_token
from finial.config.agent import load_agent
from finial.errors import NotFound
from finial.testing.transcripts import Outcome

Call = Callable[..., Outcome]
CONF = """
agent {
  trust_domain = "example.org"
  data_dir = "data"
  server_address = "127.0.0.1"
  server_port = 8081
  insecure_bootstrap = true
  OPTIONS
}
plugins {
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "memory" { plugin_data {} }
  WorkloadAttestor "unix" { plugin_data {} }
}
"""


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "agent.conf"
    path.write_text(CONF.replace("OPTIONS", ""))
    return path


def test_a_valid_file(call: Call, conf: Path) -> None:
    got = call("validate", "-config", str(conf), program="spire-agent")
    assert got == Outcome(0, "SPIRE agent configuration file is valid.\n", "")


def test_what_is_wrong_is_told_with_its_place(call: Call, conf: Path) -> None:
    conf.write_text(CONF.replace("OPTIONS", 'trust_bundle_path = "bundle.pem"'))
    got = call("agent", "validate", "-config", str(conf))
    assert got.exit == 1
    assert got.err == (
        "SPIRE agent configuration file is invalid: "
        "only one of insecure_bootstrap or trust_bundle_path can be specified, not both\n"
        f"  {conf}:8:23\n"
    )


def test_a_flag_that_is_wrong_has_no_place_in_the_file(call: Call, conf: Path) -> None:
    got = call("run", "-config", str(conf), "-trustDomain", "A", program="spire-agent")
    assert got.exit == 1
    assert got.err.count("\n") == 1


def test_the_token_of_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("a-token\n")
    config = load_agent(CONF.replace("OPTIONS", f'join_token_file = "{path}"'), "agent.conf")
    assert with_join_token(config).agent.join_token == "a-token"


def test_a_token_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent"
    config = load_agent(CONF.replace("OPTIONS", f'join_token_file = "{path}"'), "agent.conf")
    with pytest.raises(NotFound) as caught:
        with_join_token(config)
    assert caught.value.message == (
        f'unable to read join token file "{path}": open {path}: no such file or directory'
    )


def test_an_agent_that_is_away_is_unhealthy(call: Call, tmp_path: Path) -> None:
    got = call("agent", "healthcheck", "-verbose", "-socketPath", str(tmp_path / "absent.sock"))
    assert got.exit == 1
    assert got.out == "Checking agent health...\n"
    reason, verdict, hint = got.err.splitlines()
    assert reason.startswith("Failed to check health: rpc error: code = Unavailable desc = connection error")
    assert verdict == "Error: Agent is unhealthy: unable to determine health"
    assert hint.startswith("hint: is the agent running?")


def test_by_the_name_of_spire_no_hint_is_added(call: Call, tmp_path: Path) -> None:
    got = call("healthcheck", "-socketPath", str(tmp_path / "absent.sock"), program="spire-agent")
    assert got == Outcome(1, "", "Agent is unhealthy: unable to determine health\n")
