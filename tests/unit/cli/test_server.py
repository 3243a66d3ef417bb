from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from finial.testing.transcripts import Outcome

Call = Callable[..., Outcome]
CONF = """
server {
  trust_domain = "example.org"
  data_dir = "data"
  OPTIONS
}
plugins {
  DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "data.sqlite3" } }
  KeyManager "memory" { plugin_data { MEMORY } }
}
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def write(options: str = "", memory: str = "") -> str:
        path = tmp_path / "server.conf"
        path.write_text(CONF.replace("OPTIONS", options).replace("MEMORY", memory))
        return str(path)

    return write


def test_a_valid_file_starts_and_writes_nothing(
    call: Call, write: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write()
    monkeypatch.chdir(tmp_path)
    got = call("validate", "-config", path, program="spire-server")
    assert got == Outcome(0, "SPIRE server configuration file is valid.\n", "")
    assert [one.name for one in tmp_path.iterdir()] == ["server.conf"]


def test_every_problem_is_told_with_its_place(call: Call, write: Callable[..., str]) -> None:
    path = write('ca_ttl = "soon"\n  default_jwt_svid_ttl = "later"')
    got = call("server", "validate", "-config", path)
    assert got.exit == 1
    first, *places = got.err.splitlines()
    assert first.startswith("SPIRE server configuration file is invalid: could not parse default CA ttl")
    assert [place.partition("server.conf")[2][:2] for place in places] == [":5", ":6"]


def test_unknown_keys_are_logged_as_spire_logs_them(call: Call, write: Callable[..., str]) -> None:
    got = call("run", "-config", write("nope = 1"), program="spire-server")
    assert got.exit == 1
    assert 'level=error msg="Unknown configuration detected" keys=nope section=server' in got.out
    assert got.err.startswith("unknown configuration detected\n")


def test_a_file_that_is_not_there(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "absent.conf"
    got = call("run", "-config", str(path), program="spire-server")
    assert got == Outcome(1, "", f"could not find config file {path}: please use the -config flag\n")


def test_a_server_that_is_away_is_unhealthy(call: Call, tmp_path: Path) -> None:
    got = call("server", "healthcheck", "-socketPath", str(tmp_path / "absent.sock"))
    assert got.exit == 1
    verdict, hint = got.err.splitlines()
    assert verdict == "Error: server is unhealthy: unable to determine health"
    assert hint.startswith("hint: is the server running? Nothing listens at")


def test_every_plugin_that_is_wrong_is_told_as_spire_tells_it(call: Call, write: Callable[..., str]) -> None:
    path = Path(write())
    wrong = 'NodeAttestor "x509pop" { plugin_data {} }\nKeyManager "disk" { plugin_data {} }\n'
    path.write_text(path.read_text().replace('KeyManager "memory" { plugin_data {  } }', wrong))
    got = call("validate", "-config", str(path), program="spire-server")
    assert got == Outcome(
        1,
        "",
        "SPIRE server configuration file is invalid.\n"
        "Validation errors:\n"
        '\tKeyManager "disk":\n'
        "\t\tkeys_path is required\n"
        '\tNodeAttestor "x509pop":\n'
        "\t\tone of ca_bundle_path or ca_bundle_paths must be configured\n",
    )
