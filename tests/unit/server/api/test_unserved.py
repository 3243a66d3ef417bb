from __future__ import annotations

from pathlib import Path

import pytest

from finial.runtime.grpc import GRPCError, Status, unary
from finial.testing.server import Running, play
from finial.wire.pb.spire.api.server.trustdomain.v1 import trustdomain_pb2
from finial.wire.pb.spire.api.server.trustdomain.v1.trustdomain_grpc import TrustDomainStub


def test_a_method_that_is_known_and_not_served_is_named(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            stub = TrustDomainStub(channel)
            with pytest.raises(GRPCError) as refusal:
                await unary(
                    stub.ListFederationRelationships, trustdomain_pb2.ListFederationRelationshipsRequest()
                )
        assert refusal.value.status is Status.UNIMPLEMENTED
        assert refusal.value.message == "method ListFederationRelationships is not served by this server"

    play(tmp_path, scene)
