"""What a server takes from its changed file while it runs, and how: the table, and the step that cannot fail halfway.

A lifetime counts for what is signed from then on, `ca_ttl` for the next authority that is prepared, the options of
pruning at the next look.
"""

from __future__ import annotations

from collections.abc import Callable

from finial.config.reload import Reloader, plan_of
from finial.config.server import ServerConfig
from finial.runtime.log import Logger
from finial.server.audit import ITSELF
from finial.server.program import Server
from finial.server.settings import lifted_limits, policy_of

LIVE = frozenset(
    f"server.{name}"
    for name in (
        "log_level",
        "ca_ttl",
        "default_x509_svid_ttl",
        "default_jwt_svid_ttl",
        "agent_ttl",
        "unfit_ttl",
        "ratelimit.attestation",
        "ratelimit.signing",
        "prune_attested_nodes_expired_for",
        "prune_attested_nodes_batch_size",
        "prune_tofu_nodes",
    )
)


def reloader(server: Server, read: Callable[[], ServerConfig]) -> Reloader[ServerConfig]:
    """Of a server that may still be at its start; it is to `run` once that is over."""
    log = Logger(server.output)
    return Reloader(read, lambda: server.config, lambda config: use(server, config), LIVE, log)


def use(server: Server, config: ServerConfig) -> None:
    """What may fail comes first. `config` differs from the one in force by live options alone; what a start with it
    would warn of is told as well."""
    policy = policy_of(config, server.signer.policy.composition)
    changed = [one.option for one in plan_of(server.config, config, LIVE).changes]
    lifted = lifted_limits(config.server)
    level_changes = config.server.log_level != server.config.server.log_level
    server.config, server.signer.policy = config, policy
    server.gate.lift(lifted)
    if level_changes:  # else an operator's `logger set` stays
        server.output.level = server.output.launch_level = config.server.log_level
    if server.audit is not None:
        server.audit.record("configuration/reloaded", who=ITSELF, result="ok", about={"options": changed})
    for warning in config.warnings:
        Logger(server.output).warning(warning)
