from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from finial.authority.compose import Composition
from finial.server.prune import AgentPruning
from finial.server.settings import agent_pruning, lifted_limits, policy_of
from finial.testing.server import config_of


def test_options_become_the_policy(tmp_path: Path) -> None:
    options = """
      ca_ttl = "1h"
      default_x509_svid_ttl = "5m"
      agent_ttl = "10m"
      jwt_issuer = "https://issuer.test"
      ca_key_type = "ec-p384"
    """
    policy = policy_of(config_of(tmp_path, options), Composition({}))
    assert (policy.ca_ttl, policy.x509_svid_ttl, policy.agent_ttl, policy.jwt_svid_ttl) == (
        3600,
        300,
        600,
        300,
    )
    assert policy.jwt_issuer == "https://issuer.test"
    assert policy.jwt_key.value == "ec-p384"
    assert policy.ca_subject.organizations == ("SPIFFE",)


def test_agents_are_pruned_only_if_an_age_is_given(tmp_path: Path) -> None:
    assert agent_pruning(config_of(tmp_path, "prune_tofu_nodes = true").server) is None
    options = 'prune_attested_nodes_expired_for = "48h"'
    assert agent_pruning(config_of(tmp_path, options).server) == AgentPruning(timedelta(hours=48), 1000)
    options += " prune_attested_nodes_batch_size = 7 prune_tofu_nodes = true"
    assert agent_pruning(config_of(tmp_path, options).server) == AgentPruning(timedelta(hours=48), 7, True)


def test_only_limits_that_are_switched_off_are_lifted(tmp_path: Path) -> None:
    assert lifted_limits(config_of(tmp_path, limited=True).server) == []
    assert lifted_limits(config_of(tmp_path, limited=False).server) == ["attestation"]
