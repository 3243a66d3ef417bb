from __future__ import annotations

from datetime import timedelta

import pytest

from finial.config.agent import AgentConfig, load_agent
from finial.config.problems import ConfigError

PLUGINS = 'plugins { KeyManager "memory" {} NodeAttestor "join_token" {} WorkloadAttestor "unix" {} }'
BASE = 'server_address = "a" server_port = 8081 trust_domain = "example.org"'


def load(options: str = 'trust_bundle_path = "b.pem"', base: str = BASE) -> AgentConfig:
    return load_agent(f"agent {{\n{base}\n{options}\n}}\n{PLUGINS}", "agent.conf")


def refusal(options: str, base: str = BASE) -> str:
    with pytest.raises(ConfigError) as caught:
        load(options, base)
    return str(caught.value)


def test_defaults_are_those_of_spire() -> None:
    config = load()
    agent = config.agent
    assert agent.data_dir == "."
    assert agent.socket_path == "/tmp/spire-agent/public/api.sock"
    assert (agent.trust_bundle_format, agent.insecure_bootstrap) == ("pem", False)
    assert agent.workload_x509_svid_key_type == "ec-p256"
    assert (config.x509_svid_cache_max_size, config.jwt_svid_cache_max_size) == (1000, 1000)
    assert not (agent.disable_workload_api or agent.disable_sds_api or agent.allow_unauthenticated_verifiers)
    assert agent.experimental.sync_interval == timedelta(seconds=5)


def test_a_cache_size_of_zero_is_the_default() -> None:
    config = load("insecure_bootstrap = true x509_svid_cache_max_size = 0 jwt_svid_cache_max_size = 7")
    assert (config.x509_svid_cache_max_size, config.jwt_svid_cache_max_size) == (1000, 7)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            "",
            "trust_bundle_path, trust_bundle_url, or trust_bundle_spiffe_workload_api must be configured "
            "unless insecure_bootstrap is set",
        ),
        (
            'trust_bundle_path = "b" insecure_bootstrap = true',
            "only one of insecure_bootstrap or trust_bundle_path can be specified, not both",
        ),
        (
            'insecure_bootstrap = true join_token = "a" join_token_file = "b"',
            "only one of join_token or join_token_file can be specified, not both",
        ),
        ("insecure_bootstrap = true server_port = 70000", "server_port 70000 is not a port"),
    ],
)
def test_options_that_exclude_or_need_each_other(options: str, sentence: str) -> None:
    assert refusal(options).split("\n")[0] == sentence


@pytest.mark.parametrize(
    "options",
    [
        'admin_socket_path = "admin/a.sock"',
        'authorized_delegates = ["spiffe://example.org/x"]',
        'sds { default_svid_name = "x" }',
        "experimental { ratelimit { fetch_secrets = 5 } }",
        "experimental { use_sync_authorized_entries = false }",
        "experimental { require_pq_kem = true }",
        'experimental { broker { socket_path = "x" } }',
        "profiling_enabled = true",
    ],
)
def test_an_option_that_does_not_work_is_refused_and_never_ignored(options: str) -> None:
    assert "is not supported: " in refusal(f"insecure_bootstrap = true\n{options}")


def test_an_availability_target_is_read() -> None:
    assert load(
        'insecure_bootstrap = true availability_target = "48h"'
    ).agent.availability_target == timedelta(hours=48)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ('trust_bundle_url = "http://a.test/"', "trust bundle URL must start with https://"),
        (
            'trust_bundle_url = "https://a.test/" trust_bundle_unix_socket = "/s"',
            "trust bundle URL must start with http:// when used with trust bundle unix socket",
        ),
        (
            'trust_bundle_url = "http://a.test/?spire-x=1" trust_bundle_unix_socket = "/s"',
            "trust_bundle_url query params can not start with spire-",
        ),
        (
            'trust_bundle_spiffe_workload_api = "tcp://127.0.0.1:1"',
            "trust_bundle_spiffe_workload_api is not a valid SPIFFE Workload API endpoint address: "
            '"tcp://127.0.0.1:1" must be unix:///PATH',
        ),
        (
            'insecure_bootstrap = true rebootstrap_mode = "auto"',
            "insecure_bootstrap option can not be used with rebootstrapping",
        ),
        (
            "insecure_bootstrap = true experimental { svid_renewal_percent = 81 }",
            "svid_renewal_percent must be from 30 to 80, not 81",
        ),
    ],
)
def test_a_first_trust_that_is_none_is_refused(options: str, sentence: str) -> None:
    assert refusal(options).split("\n")[0] == sentence


def test_sources_of_the_first_bundle_and_modes_of_starting_over_are_read() -> None:
    agent = load('trust_bundle_url = "https://a.test/" rebootstrap_mode = "auto"').agent
    assert (agent.rebootstrap_mode, agent.rebootstrap_delay) == ("auto", timedelta(minutes=10))
    agent = load('trust_bundle_url = "http://a.test/" trust_bundle_unix_socket = "/s"').agent
    assert agent.trust_bundle_unix_socket == "/s"
    agent = load('trust_bundle_spiffe_workload_api = "unix:///run/api.sock"').agent
    assert agent.trust_bundle_spiffe_workload_api == "unix:///run/api.sock"


def test_what_is_spelled_out_as_its_default_is_accepted() -> None:
    options = 'rebootstrap_mode = "never" sds { default_svid_name = "default" } disable_sds_api = true'
    config = load(
        f"insecure_bootstrap = true {options} experimental {{ use_sync_authorized_entries = true }}"
    )
    assert config.notes == (
        "agent.disable_sds_api is accepted and has no effect: Envoy's SDS is not served yet",
    )


def test_flags_reach_the_section() -> None:
    config = load_agent(PLUGINS, "f", {
        "server_address": "s", "server_port": 1, "trust_domain": "a.test", "insecure_bootstrap": True,
    })  # fmt: skip
    assert (config.agent.server_address, config.agent.insecure_bootstrap) == ("s", True)


def test_a_join_token_is_never_part_of_an_error() -> None:
    told = refusal('join_token = ["s3cret-token"] join_token_file = "x"\njoin_tokn = "s3cret-token"')
    assert "s3cret" not in told
