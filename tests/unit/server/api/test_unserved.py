from __future__ import annotations

from pathlib import Path

import pytest

from finial.runtime.grpc import GRPCError, Status, unary
from finial.testing.server import Running, play
from finial.wire.pb.spire.api.server.localauthority.v1 import localauthority_pb2
from finial.wire.pb.spire.api.server.localauthority.v1.localauthority_grpc import LocalAuthorityStub


def test_a_method_that_is_known_and_not_served_is_named(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            stub = LocalAuthorityStub(channel)
            with pytest.raises(GRPCError) as refusal:
                await unary(stub.GetWITAuthorityState, localauthority_pb2.GetWITAuthorityStateRequest())
        assert refusal.value.status is Status.UNIMPLEMENTED
        assert refusal.value.message == "WIT-SVID functionality is not yet implemented"

    play(tmp_path, scene)
