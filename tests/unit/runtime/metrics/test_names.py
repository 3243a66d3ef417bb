"""Names as SPIRE has them: those below were read from a stock server's and agent's endpoint."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finial.runtime.metrics.names import Filter, prometheus_name, rpc_key, sanitized

SEEN = {
    "/spire.api.server.svid.v1.SVID/BatchNewX509SVID": "svid.v1.svid.batch_new_x509svid",
    "/spire.api.server.svid.v1.SVID/NewJWTSVID": "svid.v1.svid.new_jwtsvid",
    "/spire.api.server.svid.v1.SVID/NewDownstreamX509CA": "svid.v1.svid.new_downstream_x509ca",
    "/spire.api.server.bundle.v1.Bundle/PublishJWTAuthority": "bundle.v1.bundle.publish_jwt_authority",
    "/spire.api.server.agent.v1.Agent/AttestAgent": "agent.v1.agent.attest_agent",
    "/spire.api.server.debug.v1.Debug/GetInfo": "debug.v1.debug.get_info",
    "/SpiffeWorkloadAPI/FetchX509SVID": "workload_api.fetch_x509svid",
    "/SpiffeWorkloadAPI/FetchJWTBundles": "workload_api.fetch_jwt_bundles",
    "/SpiffeWorkloadAPI/FetchWITSVID": "workload_api.fetch_witsvid",
    "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets": "sds.v3.stream_secrets",
    "/grpc.health.v1.Health/Check": "health.check",
    "/spire.api.agent.delegatedidentity.v1.DelegatedIdentity/FetchJWTSVIDs": (
        "delegated_identity.fetch_jwtsvi_ds"
    ),
    "/spire.api.agent.delegatedidentity.v1.DelegatedIdentity/SubscribeToX509SVIDs": (
        "delegated_identity.subscribe_to_x509_svids"
    ),
    "/spire.api.server.logger.v1.Logger/GetLogger": "logger.get_logger",
}


@pytest.mark.parametrize(("path", "key"), SEEN.items())
def test_calls_have_spires_names(path: str, key: str) -> None:
    assert rpc_key(path) == key


def test_what_prometheus_forbids_becomes_an_underscore() -> None:
    assert prometheus_name("spire_server.rpc.sds.v3-x/y=z w") == "spire_server_rpc_sds_v3_x_y_z_w"


def test_labels_hold_words_only() -> None:
    assert sanitized("example.org") == "example_org"
    assert sanitized("1.15.3-dev-unk") == "1_15_3_dev_unk"
    assert sanitized("spiffe://td/a__b") == "spiffe_td_a__b"


@given(st.text())
def test_any_text_becomes_a_label_prometheus_takes(text: str) -> None:
    assert sanitized(text).replace("_", "").isascii()


@pytest.mark.parametrize(
    ("allowed", "blocked", "kept"),
    [
        ([], [], True),
        (["spire_server.rpc"], [], True),
        (["spire_server.ca"], [], True),
        ([], ["spire_server.rpc"], False),
        (["spire_server.rpc.agent"], ["spire_server.rpc"], True),
        (["spire_server"], ["spire_server.rpc"], False),
        (["spire_server.rpc"], ["spire_server.rpc"], False),
        ([], ["spire_server.rpc.agents"], False),
    ],
)
def test_the_longest_prefix_decides(allowed: list[str], blocked: list[str], kept: bool) -> None:
    chosen = Filter(allowed_prefixes=allowed, blocked_prefixes=blocked)
    assert chosen.keeps("spire_server.rpc.agents_by_id") is kept


def test_labels_are_blocked_before_they_are_allowed() -> None:
    labels = {"status": "OK", "host": "a", "method": "b"}
    assert Filter().labels(labels) == labels
    assert Filter(blocked_labels=["host"]).labels(labels) == {"status": "OK", "method": "b"}
    assert Filter(allowed_labels=["host", "status"], blocked_labels=["host"]).labels(labels) == {
        "status": "OK"
    }
