"""Who may call what: every RPC of SPIRE 1.15 and ours, in one table. What is not in it, nobody may call.

SPIRE 1.15 `pkg/server/authpolicy/policy_data.json`, as a stock server answered it. A service of the admin
socket alone does not exist on TCP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from finial.server.api.caller import Class

ANY = frozenset({Class.ANY})
AGENT = frozenset({Class.AGENT})
DOWNSTREAM = frozenset({Class.DOWNSTREAM})
LOCAL = frozenset({Class.LOCAL})
OPERATORS = frozenset({Class.LOCAL, Class.ADMIN})


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls a second from one address, and as many at once. `why` begins the refusal."""

    per_second: int
    why: str
    group: str  # the option that lifts it; "" for none


ATTESTING = Rate(1, "rejecting request due to attest agent rate limiting", "attestation")
CSR = Rate(500, "rejecting request due to certificate signing rate limiting", "signing")
RENEWAL = Rate(500, "rejecting request due to renew agent rate limiting", "signing")
DOWNSTREAM_CA = Rate(500, "rejecting request due to downstream CA signing rate limit", "signing")
JWT = Rate(500, "rejecting request due to JWT signing request rate limiting", "signing")
KEY = Rate(500, "rejecting request due to key publishing rate limiting", "")
STATUS = Rate(10, "rejecting request due to post status rate limiting", "")


@dataclass(frozen=True, slots=True)
class Rule:
    allowed: frozenset[Class]
    rate: Rate | None = None


def _rules(service: str, **methods: frozenset[Class] | Rule) -> dict[str, Rule]:
    return {
        f"/{service}/{name}": one if isinstance(one, Rule) else Rule(one) for name, one in methods.items()
    }


def _authorities(kind: str) -> dict[str, frozenset[Class] | Rule]:
    return {
        f"{verb}{kind}Authority{'State' if verb == 'Get' else ''}": OPERATORS
        for verb in ("Get", "Prepare", "Activate", "Taint", "Revoke")
    }


RULES: Mapping[str, Rule] = {
    **_rules(
        "spire.api.server.agent.v1.Agent",
        AttestAgent=Rule(ANY, ATTESTING),
        RenewAgent=Rule(AGENT, RENEWAL),
        PostStatus=Rule(AGENT, STATUS),
        CountAgents=OPERATORS,
        ListAgents=OPERATORS,
        GetAgent=OPERATORS,
        DeleteAgent=OPERATORS,
        BanAgent=OPERATORS,
        CreateJoinToken=OPERATORS,
    ),
    **_rules(
        "spire.api.server.bundle.v1.Bundle",
        GetBundle=ANY,
        GetFederatedBundle=OPERATORS | AGENT,
        PublishJWTAuthority=Rule(DOWNSTREAM, KEY),
        PublishWITAuthority=Rule(DOWNSTREAM, KEY),
        AppendBundle=OPERATORS,
        CountBundles=OPERATORS,
        ListFederatedBundles=OPERATORS,
        BatchCreateFederatedBundle=OPERATORS,
        BatchUpdateFederatedBundle=OPERATORS,
        BatchSetFederatedBundle=OPERATORS,
        BatchDeleteFederatedBundle=OPERATORS,
    ),
    **_rules(
        "spire.api.server.entry.v1.Entry",
        GetAuthorizedEntries=AGENT,
        SyncAuthorizedEntries=AGENT,
        CountEntries=OPERATORS,
        ListEntries=OPERATORS,
        GetEntry=OPERATORS,
        BatchCreateEntry=OPERATORS,
        BatchUpdateEntry=OPERATORS,
        BatchDeleteEntry=OPERATORS,
    ),
    **_rules(
        "spire.api.server.svid.v1.SVID",
        MintX509SVID=OPERATORS,
        MintJWTSVID=OPERATORS,
        MintWITSVID=OPERATORS,
        BatchNewX509SVID=Rule(AGENT, CSR),
        NewJWTSVID=Rule(AGENT, JWT),
        BatchNewWITSVID=Rule(AGENT, JWT),
        NewDownstreamX509CA=Rule(DOWNSTREAM, DOWNSTREAM_CA),
    ),
    **_rules(
        "spire.api.server.trustdomain.v1.TrustDomain",
        ListFederationRelationships=OPERATORS,
        GetFederationRelationship=OPERATORS,
        BatchCreateFederationRelationship=OPERATORS,
        BatchUpdateFederationRelationship=OPERATORS,
        BatchDeleteFederationRelationship=OPERATORS,
        RefreshBundle=OPERATORS,
    ),
    **_rules(
        "spire.api.server.localauthority.v1.LocalAuthority",
        **_authorities("JWT"),
        **_authorities("X509"),
        **_authorities("WIT"),
        TaintX509UpstreamAuthority=OPERATORS,
        RevokeX509UpstreamAuthority=OPERATORS,
    ),
    **_rules("spire.api.server.logger.v1.Logger", GetLogger=LOCAL, SetLogLevel=LOCAL, ResetLogLevel=LOCAL),
    **_rules("spire.api.server.debug.v1.Debug", GetInfo=LOCAL),
    **_rules("finial.configuration.v1.Configuration", Reload=LOCAL),
    **_rules("grpc.health.v1.Health", Check=LOCAL, List=LOCAL, Watch=LOCAL),
    **_rules("finial.change.v1.Changes", Watch=AGENT, Wait=OPERATORS),
    **_rules(
        "finial.status.v1.Status", GetStatus=OPERATORS, ListAgentStatus=OPERATORS, FollowChanges=OPERATORS
    ),
}
STREAMS = frozenset(
    {
        "/finial.change.v1.Changes/Watch",
        "/finial.change.v1.Changes/Wait",
        "/finial.status.v1.Status/FollowChanges",
    }
)  # last until their caller has enough: it leaves, and all is well
COUNTED_BY_ITEM = frozenset(
    {"/spire.api.server.svid.v1.SVID/BatchNewX509SVID"}
)  # the handler asks, by its items
