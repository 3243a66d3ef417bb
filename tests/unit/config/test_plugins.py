from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from finial.config import hcl
from finial.config.decode import Decoder, decode
from finial.config.options import option
from finial.config.plugins import PluginConfig, decode_options, read_plugins
from finial.config.problems import ConfigError
from finial.config.tree import Position


def read(text: str) -> tuple[PluginConfig, ...]:
    decoder = Decoder(Position("f"))
    plugins = read_plugins(hcl.parse(text, "f"), decoder)
    decoder.problems.raise_any()
    return plugins


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    keys_path: str = option("", "x")


HCL = """
DataStore "sql" { plugin_data { keys_path = "a" } }
KeyManager "disk" { plugin_data { keys_path = "k.json" } }
NodeAttestor "join_token" {}
NodeAttestor "x509pop" { enabled = false plugin_data {} }
"""
JSON = """{
  "DataStore": [{"sql": {"plugin_data": {"keys_path": "a"}}}],
  "KeyManager": {"disk": {"plugin_data": {"keys_path": "k.json"}}},
  "NodeAttestor": [{"join_token": {}}, {"x509pop": {"enabled": false, "plugin_data": {}}}]
}"""


@pytest.mark.parametrize("text", [HCL, JSON], ids=["hcl", "json"])
def test_plugins_are_read_in_their_order(text: str) -> None:
    plugins = read(text)
    assert [(one.type, one.name, one.enabled) for one in plugins] == [
        ("DataStore", "sql", True),
        ("KeyManager", "disk", True),
        ("NodeAttestor", "join_token", True),
        ("NodeAttestor", "x509pop", False),
    ]
    assert decode(plugins[1].data, Config).keys_path == "k.json"
    assert decode(plugins[2].read_data(), Config) == Config()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('A "b" {}\nA "b" {}', 'plugin "A"/"b" declared more than once'),
        (
            'A "b" { plugin_data {} plugin_data_file = "x" }',
            'failed to create plugin config for "A"/"b": only one of [plugin_data, plugin_data_file] can be used',
        ),
        ("A = 5", "plugins.A: wants a block, got a whole number"),
        ("A { b = 5 }", "plugins.A.b: wants a block, got a whole number"),
        ('A "b" { enabled = "maybe" }', "plugins.A.b.enabled: wants true or false without quotes, got text"),
        ('A "b" { plugin_cmd = "x" }', "plugins.A.b.plugin_cmd is not supported: "),
        ('A "b" { plugin_daat {} }', 'unknown key "plugin_daat" in section plugin A "b"'),
    ],
)
def test_a_wrong_plugin_block_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert sentence in str(caught.value)


def test_an_unknown_key_of_the_plugin_itself_has_its_place() -> None:
    [plugin] = read('A "b" {\n plugin_data { keys_paht = "x" } }')
    with pytest.raises(ConfigError, match=r'f:2:16: unknown key "keys_paht" .* did you mean "keys_path"'):
        decode_options(plugin, Config)


def test_options_can_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "plugin.conf"
    path.write_text('keys_path = "x"')
    [plugin] = read(f'A "b" {{ plugin_data_file = "{path}" }}')
    assert decode_options(plugin, Config).keys_path == "x"
    path.write_text("keys_path = ")
    with pytest.raises(ConfigError, match=r"plugin\.conf:1:13"):
        plugin.read_data()
    path.unlink()
    with pytest.raises(ConfigError, match=r"failed to read plugin configuration: open .*: no such file"):
        plugin.read_data()
