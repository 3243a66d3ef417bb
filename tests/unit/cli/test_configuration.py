from __future__ import annotations

import io
from pathlib import Path

import pytest

from finial.cli.configuration import load, overrides, read, refuse, tell_unknown_keys
from finial.cli.console import Console
from finial.cli.server import RunFlags
from finial.config.problems import ConfigError
from finial.config.server import load_server
from finial.errors import NotFound

CONFIG = """
server { trust_domain = "example.org" data_dir = "${DATA}" bind_port = 9000 }
plugins {
  DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "x.sqlite3" } }
  KeyManager "memory" { plugin_data {} }
  NodeAttestor "join_token" { plugin_data {} }
}
"""


def test_flags_that_were_given_win_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "server.conf").write_text(CONFIG)
    monkeypatch.setenv("DATA", "/data")
    flags = RunFlags(config=str(tmp_path / "server.conf"), bind_port=9001, expand_env=True)
    config = load(flags, flags.config, load_server)
    assert (config.server.bind_port, config.server.data_dir) == (9001, "/data")


def test_only_what_was_given_is_an_override() -> None:
    assert overrides(RunFlags()) == {}
    assert overrides(RunFlags(log_level="DEBUG", config="x", expand_env=True)) == {"log_level": "DEBUG"}


def test_an_absent_file_is_told_in_the_words_of_spire(tmp_path: Path) -> None:
    path = f"{tmp_path}/absent.conf"
    with pytest.raises(NotFound) as absent:
        load(RunFlags(config=path), path, load_server)
    assert absent.value.message == f"could not find config file {path}: please use the -config flag"


def test_unknown_keys_are_logged_before_the_error(tmp_path: Path) -> None:
    (tmp_path / "server.conf").write_text(CONFIG.replace("bind_port", "bind_prot"))
    path = str(tmp_path / "server.conf")
    with pytest.raises(ConfigError) as wrong:
        load(RunFlags(config=path), path, load_server)
    out = io.StringIO()
    tell_unknown_keys(wrong.value, Console(stdout=out))
    assert 'level=error msg="Unknown configuration detected" keys=bind_prot section=server' in out.getvalue()
    assert "bind_port" in wrong.value.message  # the suggestion


def test_a_file_that_is_not_there_is_told_where_one_is(console: Console, tmp_path: Path) -> None:
    with pytest.raises(NotFound) as absent:
        read(str(tmp_path / "absent.conf"))
    assert refuse(absent.value, console, "invalid: ") == 1
    assert isinstance(console.stderr, io.StringIO)
    first, hint = console.stderr.getvalue().splitlines()
    assert first.startswith("invalid: could not find config file ")
    assert hint.startswith("hint: `finial up` writes one")
