from __future__ import annotations

from datetime import timedelta

import pytest

from finial.config.problems import ConfigError
from finial.config.server import CaSubject, ServerConfig, load_server
from finial.spiffe.id import SpiffeId

PLUGINS = 'plugins { DataStore "sql" {} KeyManager "memory" {} }'


def load(options: str = "", rest: str = "") -> ServerConfig:
    text = f'server {{\n  trust_domain = "example.org"\n  data_dir = "d"\n{options}\n}}\n{PLUGINS}\n{rest}'
    return load_server(text, "server.conf")


def refusal(options: str, rest: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        load(options, rest)
    return str(caught.value)


def test_defaults_are_those_of_spire() -> None:
    config = load()
    server = config.server
    assert (server.bind_address, server.bind_port) == ("0.0.0.0", 8081)
    assert server.ca_ttl == timedelta(hours=24)
    assert server.default_x509_svid_ttl == config.agent_ttl == timedelta(hours=1)
    assert server.default_jwt_svid_ttl == timedelta(minutes=5)
    assert (server.ca_key_type, config.jwt_key_type) == ("ec-p256", "ec-p256")
    assert config.ca_subject == CaSubject(country=("US",), organization=("SPIFFE",))
    assert server.ratelimit.attestation and server.ratelimit.signing
    assert not config.health_checks.listener_enabled
    assert (config.notes, config.warnings) == ((), ())
    assert [one.name for one in config.plugins] == ["sql", "memory"]


def test_options_that_follow_others_can_be_set() -> None:
    config = load('ca_key_type = "rsa-4096" agent_ttl = "2h" ca_subject { common_name = "x" }')
    assert (config.jwt_key_type, config.agent_ttl) == ("rsa-4096", timedelta(hours=2))
    assert config.ca_subject == CaSubject(common_name="x")
    assert load('jwt_key_type = "ec-p384"').jwt_key_type == "ec-p384"


def test_admin_ids_may_be_of_any_trust_domain() -> None:
    assert load('admin_ids = ["spiffe://other.test/x"]').server.admin_ids == (
        SpiffeId.parse("spiffe://other.test/x"),
    )


def test_a_misspelt_option_is_refused_with_a_suggestion() -> None:
    assert refusal('  jwt_isuer = "x"') == (
        "unknown configuration detected\n"
        '  server.conf:4:3: unknown key "jwt_isuer" in section server: did you mean "jwt_issuer"?'
    )


@pytest.mark.parametrize(
    "options",
    [
        "federation {}",
        "profiling_enabled = true",
        "experimental { require_pq_kem = true }",
        'experimental { feature_flags = ["wit-svid"] }',
        'experimental { named_pipe_name = "x" }',
    ],
)
def test_an_option_that_does_not_work_is_refused_and_never_ignored(options: str) -> None:
    assert "is not supported: " in refusal(options)


def test_a_refused_option_may_be_set_to_its_default() -> None:
    config = load(
        "profiling_enabled = false\nexperimental { require_pq_kem = false }",
        "telemetry {}",
    )
    assert (config.server, config.notes) == (load().server, ())


def test_an_option_served_otherwise_is_noted() -> None:
    config = load('experimental { cache_reload_interval = "1s" events_based_cache = true }')
    assert config.notes == (
        "server.experimental.cache_reload_interval is accepted and has no effect: "
        "the index follows every committed change",
        "server.experimental.events_based_cache is accepted and has no effect: "
        "the index follows every committed change",
    )


def test_both_names_of_the_event_timeout_are_refused() -> None:
    told = refusal('experimental { event_timeout = "1m" sql_transaction_timeout = "1m" }')
    assert told.startswith("both experimental sql_transaction_timeout and event_timeout set")


def test_ttls_that_a_ca_cannot_give_are_warned_of() -> None:
    config = load('ca_ttl = "1m" default_x509_svid_ttl = "20s" agent_ttl = "10s"')
    assert config.warnings == (
        "default_x509_svid_ttl is too high for the configured ca_ttl value. SVIDs with shorter lifetimes may be "
        "issued. Please set default_x509_svid_ttl to 10s or less, or the ca_ttl to 2m or more, to guarantee the "
        "full default_x509_svid_ttl lifetime when CA rotations are scheduled.",
        "default_jwt_svid_ttl is too high for the configured ca_ttl value. SVIDs with shorter lifetimes may be "
        "issued. Please set default_jwt_svid_ttl to 10s or less, or the ca_ttl to 30m or more, to guarantee the "
        "full default_jwt_svid_ttl lifetime when CA rotations are scheduled.",
    )
    [warning] = load('ca_ttl = "8760h" default_x509_svid_ttl = "192h"').warnings
    assert "to 168h or less" in warning


def test_ttls_that_a_ca_cannot_give_are_refused_where_that_is_asked_for() -> None:
    options = 'unfit_ttl = "refuse"\nca_ttl = "1h"\ndefault_jwt_svid_ttl = "2h"'
    told = refusal(options)
    for name, ttl, ca in (("default_x509_svid_ttl", "1h", "6h"), ("default_jwt_svid_ttl", "2h", "12h")):
        wanted = f"{name} of {ttl} does not fit a ca_ttl of 1h: set {name} to 10m or less, or ca_ttl to {ca} or more"
        assert wanted in told
    assert load('unfit_ttl = "refuse"\nca_ttl = "6h"').warnings == ()
    assert 'error parsing unfit_ttl: "x" is unknown' in refusal('unfit_ttl = "x"')


def test_an_empty_subject_is_replaced_with_a_warning() -> None:
    config = load("ca_subject {}")
    assert config.ca_subject.organization == ("SPIFFE",)
    assert config.warnings == ("ca_subject configurable is set but empty; the default will be used",)


def test_every_problem_is_told_at_once() -> None:
    told = refusal('nope = 1\nca_ttl = "x"\nbind_port = []\nfederation {}\nbind_prot = 70000')
    assert [line.strip().split(": ")[0] for line in told.split("\n")[1:]] == [
        "server.conf:4:1",
        "server.conf:8:1",
        "server.conf:6:13",
        "server.conf:5:10",
        "server.conf:7:12",
    ]
