"""What the options of a configuration mean to the parts of a server that they are for. Pure.

Used at the start, and again for what a running server takes from its changed file (`reload.py`).
"""

from __future__ import annotations

from finial.authority.compose import Composition
from finial.authority.policy import Policy
from finial.config.server import REFUSE, ServerConfig, ServerOptions
from finial.plugin.kinds import KeyType
from finial.server.prune import AGENTS_BATCH, AgentPruning
from finial.svid.subject import Subject


def policy_of(config: ServerConfig, composition: Composition) -> Policy:
    options, subject = config.server, config.ca_subject
    return Policy(
        trust_domain=options.trust_domain,
        ca_ttl=int(options.ca_ttl.total_seconds()),
        x509_svid_ttl=int(options.default_x509_svid_ttl.total_seconds()),
        jwt_svid_ttl=int(options.default_jwt_svid_ttl.total_seconds()),
        agent_ttl=int(config.agent_ttl.total_seconds()),
        ca_subject=Subject(
            countries=subject.country, organizations=subject.organization, common_name=subject.common_name
        ),
        ca_key_type=KeyType(options.ca_key_type),
        jwt_key_type=KeyType(config.jwt_key_type),
        jwt_issuer=options.jwt_issuer,
        refuse_unfit=options.unfit_ttl == REFUSE,
        composition=composition,
    )


def lifted_limits(options: ServerOptions) -> list[str]:
    limited = {"attestation": options.ratelimit.attestation, "signing": options.ratelimit.signing}
    return [name for name, on in limited.items() if not on]


def agent_pruning(options: ServerOptions) -> AgentPruning | None:
    """None: expired agents stay, as SPIRE's default has it."""
    if not options.prune_attested_nodes_expired_for:
        return None
    size = options.prune_attested_nodes_batch_size
    return AgentPruning(
        options.prune_attested_nodes_expired_for, size if size > 0 else AGENTS_BATCH, options.prune_tofu_nodes
    )
