"""What a running server takes from its changed file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from finial.authority.slots import Kind
from finial.config.server import ServerConfig
from finial.runtime.clock import SystemClock
from finial.runtime.log import Level
from finial.server.by_hand import ByHand
from finial.server.prune import AgentPruning
from finial.server.reload import LIVE, reloader
from finial.server.settings import agent_pruning
from finial.testing.server import Running, config_of, play


def with_options(folder: Path, text: str) -> ServerConfig:
    """The file of the running server with these options more; the last of a name counts."""
    return config_of(folder, text)


def test_every_live_option_is_in_force_at_once(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        server = running.server
        config = with_options(
            tmp_path,
            """ca_ttl = "48h" default_x509_svid_ttl = "2h" default_jwt_svid_ttl = "6m" agent_ttl = "3h"
            unfit_ttl = "refuse" ratelimit { attestation = true signing = false } log_level = "warn"
            prune_attested_nodes_expired_for = "24h" prune_attested_nodes_batch_size = 7 prune_tofu_nodes = true""",
        )
        limiters = set(server.gate.limited)
        reloader(server, lambda: config).consider(config, "test")
        policy = server.signer.policy
        assert (policy.ca_ttl, policy.x509_svid_ttl) == (48 * 3600, 2 * 3600)
        assert (policy.jwt_svid_ttl, policy.agent_ttl) == (360, 3 * 3600)
        assert policy.refuse_unfit
        assert limiters != set(server.gate.limited)
        assert server.gate.limited == {"attestation"}
        assert (server.output.level, server.output.launch_level) == (Level.WARNING, Level.WARNING)
        assert agent_pruning(server.config.server) == AgentPruning(
            timedelta(hours=24),
            7,
            also_tofu=True,
        )
        told = {one for one in LIVE if f"option={one}" in running.log.getvalue()}
        assert told == LIVE

    play(tmp_path, scene)


def test_a_level_that_an_operator_set_stays_where_the_file_says_nothing_new(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        running.server.output.level = Level.ERROR
        config = with_options(tmp_path, 'ca_ttl = "48h"')
        reloader(running.server, lambda: config).consider(config, "test")
        assert running.server.output.level is Level.ERROR

    play(tmp_path, scene)


def test_the_next_authority_has_the_new_lifetime_and_misfits_are_told(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        server = running.server
        config = with_options(tmp_path, 'ca_ttl = "48h" default_x509_svid_ttl = "47h"')
        reloader(server, lambda: config).consider(config, "test")
        warnings = [one for one in running.lines if "level=warning" in one]
        assert any("default_x509_svid_ttl" in one for one in warnings)
        prepared = await ByHand(server.authorities).prepare(Kind.X509)
        left = prepared.not_after - SystemClock().unix()
        assert 47.9 * 3600 < left <= 48 * 3600

    play(tmp_path, scene)


def test_another_trust_domain_is_refused_by_name(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        before = running.server.signer.policy
        config = with_options(tmp_path, 'trust_domain = "other.test" default_x509_svid_ttl = "2h"')
        refusal = reloader(running.server, lambda: config).consider(config, "test").refusal
        assert "server.trust_domain needs a restart" in str(refusal)
        assert running.server.signer.policy is before

    play(tmp_path, scene)
