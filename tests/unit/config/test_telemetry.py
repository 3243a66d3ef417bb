"""Section `telemetry`: what is accepted, what is refused, and what becomes of it."""

from __future__ import annotations

import socket

import pytest

from finial.config.problems import ConfigError
from finial.config.server import ServerConfig, load_server
from finial.config.telemetry import export_of
from finial.runtime.metrics import Dialect, Export, Filter, TlsExport
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain

WHOLE = """
server {{ trust_domain = "example.org" data_dir = "data" }}
plugins {{ DataStore "sql" {{}} KeyManager "memory" {{}} }}
telemetry {{ {} }}
"""
DOMAIN = TrustDomain("example.org")


def load(options: str) -> ServerConfig:
    return load_server(WHOLE.format(options), "server.conf")


def export(options: str) -> Export:
    return export_of(load(options).telemetry, "spire_server", DOMAIN)


def test_without_options_nothing_leaves_the_program() -> None:
    assert export("") == Export("spire_server", {"host": socket.gethostname()})


def test_all_options_are_taken() -> None:
    found = export(
        """
        Prometheus { host = "127.0.0.1" port = 9988 }
        Statsd = [{ address = "127.0.0.1:8125" }]
        DogStatsd = [{ address = "127.0.0.1:8126" }]
        MetricPrefix = "identity"
        EnableTrustDomainLabel = true
        EnableHostnameLabel = false
        AllowedPrefixes = ["identity.rpc.agent"]
        BlockedPrefixes = ["identity.rpc"]
        AllowedLabels = ["status"]
        BlockedLabels = ["host"]
        SpiffeIdLabel = true
        """
    )
    assert found == Export(
        "identity",
        {"trust_domain": "example_org"},
        Filter(("identity.rpc.agent",), ("identity.rpc",), ("status",), ("host",)),
        daemons=(("127.0.0.1:8125", Dialect.STATSD), ("127.0.0.1:8126", Dialect.DOGSTATSD)),
        endpoint=("127.0.0.1", 9988),
        by_id=True,
    )


def test_without_an_address_the_endpoint_is_on_loopback() -> None:
    assert export("Prometheus {}").endpoint == ("localhost", 0)
    assert export('Prometheus { host = "" port = 9988 }').endpoint == ("localhost", 9988)


def test_tls_is_by_files_or_by_the_own_svid() -> None:
    files = export('Prometheus { tls { cert_file = "c" key_file = "k" client_ca_file = "ca" } }')
    own = export(
        'Prometheus { tls { use_spire_svid = true authorized_spiffe_ids = ["spiffe://example.org/prometheus"] } }'
    )
    assert files.endpoint == ("localhost", 0)
    assert files.tls == TlsExport("c", "k", "ca")
    assert own.tls == TlsExport(readers=frozenset({SpiffeId.parse("spiffe://example.org/prometheus")}))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            'Prometheus { tls { cert_file = "c" key_file = "k" use_spire_svid = true } }',
            "cert_file and key_file cannot be configured when use_spire_svid is enabled",
        ),
        (
            'Prometheus { tls { cert_file = "c" } }',
            "cert_file and key_file must both be configured unless use_spire_svid is enabled",
        ),
        (
            'Prometheus { tls { cert_file = "c" key_file = "k" client_ca_file = "x" '
            'authorized_spiffe_ids = ["spiffe://a/b"] } }',
            "client_ca_file cannot be configured with authorized_spiffe_ids",
        ),
        (
            'Prometheus { tls { use_spire_svid = true client_ca_file = "x" } }',
            "client_ca_file has no effect with use_spire_svid",
        ),
        (
            'Prometheus { tls { use_spire_svid = true authorized_spiffe_ids = ["prometheus"] } }',
            'invalid authorized SPIFFE ID "prometheus"',
        ),
        ("Prometheus { port = 70000 }", "Prometheus port 70000 is not a port"),
        ("Statsd = [{}]", "address must be configured"),
        ('M3 = [{ address = "127.0.0.1:1" }]', "telemetry.M3 is not supported: its protocol"),
        ("InMem {}", "telemetry.InMem is not supported: the same figures are read"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(options: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as told:
        load(options)
    assert sentence in str(told.value)
    assert "server.conf:4:" in str(told.value)
