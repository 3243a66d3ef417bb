"""Any change of a server's file: taken whole, or nothing is changed at all."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from finial.authority.policy import Policy
from finial.config.server import ServerConfig
from finial.errors import FinialError
from finial.runtime.log import Level
from finial.server.program import Server
from finial.server.reload import reloader
from finial.server.settings import lifted_limits, policy_of
from finial.testing.server import Running, config_of, play

OPTIONS = {
    "log_level": ['"info"', '"error"', '"nope"'],
    "ca_ttl": ['"48h"', '"-1h"', '"5h"'],
    "default_x509_svid_ttl": ['"2h"', '"soon"'],
    "default_jwt_svid_ttl": ['"6m"'],
    "agent_ttl": ['"3h"', '"72h"'],
    "unfit_ttl": ['"refuse"', '"warn"'],
    "prune_attested_nodes_expired_for": ['"24h"'],
    "prune_tofu_nodes": ["true", "false"],
    "trust_domain": ['"other.test"', '"example.org"'],
    "bind_port": ["1", "0", "-1"],
    "admin_ids": ['["spiffe://example.org/admin"]', "[]"],
    "ca_key_type": ['"ec-p384"'],
    "disable_jwt_svids": ["true"],
    "ratelimit": ["{ signing = false }", "{ attestation = true }", "{ nope = 1 }"],
    "unknown": ["1"],
}
CHANGES = st.dictionaries(st.sampled_from(sorted(OPTIONS)), st.integers(0, 2), max_size=4)
State = tuple[ServerConfig, Policy, frozenset[str], Level, Level]


def state(server: Server) -> State:
    """All that a reload may touch."""
    output = server.output
    return (
        server.config,
        server.signer.policy,
        frozenset(server.gate.limited),
        output.level,
        output.launch_level,
    )


def written(changes: dict[str, int]) -> str:
    lines = []
    for name, number in changes.items():
        values = OPTIONS[name]
        equals = "" if name == "ratelimit" else "="
        lines.append(f"{name} {equals} {values[number % len(values)]}")
    return "\n".join(lines)


def test_a_refusal_leaves_everything_as_it_was(tmp_path: Path) -> None:
    outcomes: set[str] = set()

    async def scene(running: Running) -> None:
        server = running.server

        @given(CHANGES)
        def any_file(changes: dict[str, int]) -> None:
            before = state(server)
            try:
                config = config_of(tmp_path, written(changes))
                plan = reloader(server, lambda: config).consider(config, "test")
            except FinialError:
                plan = None
            if plan is None or plan.refusal:
                assert state(server) == before
                outcomes.add("refused")
                return
            outcomes.add("taken")
            assert server.signer.policy == policy_of(config, server.signer.policy.composition)
            off = set(lifted_limits(config.server))
            assert server.gate.limited == {"attestation", "signing"} - off
            assert server.config.server == config.server
            assert server.output.level == config.server.log_level

        any_file()

    play(tmp_path, scene)
    assert outcomes == {"refused", "taken"}
