"""With a server's answers; from a real server: tests/cli/test_completion.py."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from finial.cli.completion.listed import LISTS
from finial.wire.client import ServerApi
from finial.wire.pb.spire.api.server.agent.v1.agent_pb2 import ListAgentsResponse
from finial.wire.pb.spire.api.server.bundle.v1.bundle_pb2 import ListFederatedBundlesResponse
from finial.wire.pb.spire.api.server.entry.v1.entry_pb2 import ListEntriesResponse
from finial.wire.pb.spire.api.server.localauthority.v1.localauthority_pb2 import (
    AuthorityState,
    GetJWTAuthorityStateResponse,
    GetX509AuthorityStateResponse,
)
from finial.wire.pb.spire.api.server.trustdomain.v1.trustdomain_pb2 import ListFederationRelationshipsResponse
from finial.wire.pb.spire.api.types.agent_pb2 import Agent
from finial.wire.pb.spire.api.types.bundle_pb2 import Bundle
from finial.wire.pb.spire.api.types.entry_pb2 import Entry
from finial.wire.pb.spire.api.types.federationrelationship_pb2 import FederationRelationship
from finial.wire.pb.spire.api.types.spiffeid_pb2 import SPIFFEID

NODE = SPIFFEID(trust_domain="a.test", path="/node")
ENTRIES = ListEntriesResponse(
    entries=[Entry(id="web", spiffe_id=SPIFFEID(trust_domain="a.test", path="/web"), parent_id=NODE)]
)
X509 = GetX509AuthorityStateResponse(
    active=AuthorityState(authority_id="1", upstream_authority_subject_key_id="9"),
    old=AuthorityState(authority_id="0"),
)


def answering(reply: object) -> Any:
    async def call(_: object) -> object:
        return reply

    return call


API = cast(
    ServerApi,
    SimpleNamespace(
        entry=SimpleNamespace(ListEntries=answering(ENTRIES)),
        agent=SimpleNamespace(
            ListAgents=answering(
                ListAgentsResponse(agents=[Agent(id=NODE, attestation_type="x509pop", banned=True)])
            )
        ),
        bundle=SimpleNamespace(
            ListFederatedBundles=answering(
                ListFederatedBundlesResponse(bundles=[Bundle(trust_domain="b.test")])
            )
        ),
        trust_domain=SimpleNamespace(
            ListFederationRelationships=answering(
                ListFederationRelationshipsResponse(
                    federation_relationships=[
                        FederationRelationship(trust_domain="c.test", bundle_endpoint_url="https://c.test")
                    ]
                )
            )
        ),
        local_authority=SimpleNamespace(
            GetX509AuthorityState=answering(X509),
            GetJWTAuthorityState=answering(
                GetJWTAuthorityStateResponse(prepared=AuthorityState(authority_id="j"))
            ),
        ),
    ),
)


@pytest.mark.parametrize(
    ("refers_to", "found"),
    [
        ("entry", [("web", "spiffe://a.test/web")]),
        ("spiffe_id", [("spiffe://a.test/web", "below spiffe://a.test/node")]),
        ("agent", [("spiffe://a.test/node", "banned agent, x509pop")]),
        (
            "parent",
            [
                ("spiffe://a.test/node", "banned agent, x509pop"),
                ("spiffe://a.test/node", "parent of entries"),
            ],
        ),
        ("bundle", [("b.test", "")]),
        ("relationship", [("c.test", "https://c.test")]),
        ("x509_authority", [("0", "old"), ("1", "active")]),
        ("jwt_authority", [("j", "prepared")]),
        ("upstream_authority", [("9", "above the active authority")]),
    ],
)
def test_each_thing_is_listed_by_the_name_that_a_flag_takes(
    refers_to: str, found: list[tuple[str, str]]
) -> None:
    async def listed() -> list[tuple[str, str]]:
        return [one async for one in LISTS[refers_to](API) if one[0]]

    assert asyncio.run(listed()) == found
