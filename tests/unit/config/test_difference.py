"""What a second configuration changes, option by option."""

from __future__ import annotations

from finial.config.agent import load_agent
from finial.config.difference import Change, differences, plugin_differences
from finial.config.server import ServerConfig, load_server

PLUGINS = 'DataStore "sql" { plugin_data { connection_string = "password=hush" } } KeyManager "memory" {}'


def load(options: str = "", plugins: str = PLUGINS) -> ServerConfig:
    text = f'server {{ trust_domain = "example.org" data_dir = "d" {options} }} plugins {{ {plugins} }}'
    return load_server(text, "server.conf")


def of(old: ServerConfig, new: ServerConfig) -> list[str]:
    return [str(one) for one in differences({"server": (old.server, new.server)})]


def test_the_same_said_in_another_way_is_no_difference() -> None:
    new = load('\n\n log_level = "info" ca_ttl = "24h"', f"\n{PLUGINS}")
    assert of(load(), new) == []
    assert plugin_differences(load().plugins, new.plugins) == ()


def test_each_option_is_told_as_it_is_written() -> None:
    new = load(
        """default_x509_svid_ttl = "90m" log_level = "debug" disable_jwt_svids = true bind_port = 1
        ratelimit { signing = false } admin_ids = ["spiffe://a.test/x"] log_format = "json"
        prune_attested_nodes_expired_for = "24h" jwt_issuer = "i" ca_subject { common_name = "ca" }"""
    )
    assert of(load(), new) == [
        "server.log_level: info -> debug",
        "server.log_format: (not set) -> json",
        "server.bind_port: 8081 -> 1",
        "server.admin_ids: (not set) -> [spiffe://a.test/x]",
        "server.ca_subject: (not set) -> { common_name = ca }",
        "server.default_x509_svid_ttl: 1h0m0s -> 1h30m0s",
        "server.jwt_issuer: (not set) -> i",
        "server.disable_jwt_svids: false -> true",
        "server.ratelimit.signing: true -> false",
        "server.prune_attested_nodes_expired_for: (not set) -> 24h0m0s",
    ]


def test_an_option_without_effect_is_left_out() -> None:
    assert of(load(), load("experimental { events_based_cache = true }")) == []


def test_secrets_are_told_of_and_not_shown() -> None:
    base = 'trust_domain = "a.test" server_address = "s" server_port = 1 insecure_bootstrap = true'
    rest = 'plugins { KeyManager "memory" {} NodeAttestor "join_token" {} WorkloadAttestor "unix" {} }'
    old, new = (load_agent(f'agent {{ {base} join_token = "{one}" }} {rest}', "f") for one in ("old", "new"))
    (change,) = differences({"agent": (old.agent, new.agent)})
    assert change == Change("agent.join_token", "(not shown)", "(not shown)")
    (plugin,) = plugin_differences(load().plugins, load(plugins=PLUGINS.replace("hush", "shh")).plugins)
    assert plugin == Change("plugins.DataStore.sql", "(configured)", "(configured)")


def test_plugins_come_and_go() -> None:
    new = load(plugins=PLUGINS + ' NodeAttestor "join_token" {}')
    assert plugin_differences(load().plugins, new.plugins) == (
        Change("plugins.NodeAttestor.join_token", "(absent)", "(configured)"),
    )
    assert plugin_differences(new.plugins, load().plugins) == (
        Change("plugins.NodeAttestor.join_token", "(configured)", "(absent)"),
    )


def test_the_order_counts_among_plugins_of_one_type() -> None:
    first, second = 'NodeAttestor "join_token" {}', 'NodeAttestor "sshpop" {}'
    old = load(plugins=f"{first} {PLUGINS} {second}").plugins
    assert plugin_differences(old, load(plugins=f"{PLUGINS} {first} {second}").plugins) == ()
    assert plugin_differences(old, load(plugins=f"{PLUGINS} {second} {first}").plugins) == (
        Change("plugins.NodeAttestor", "[join_token, sshpop]", "[sshpop, join_token]"),
    )
