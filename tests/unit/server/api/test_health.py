from __future__ import annotations

from pathlib import Path

import pytest

from finial.runtime.grpc import GRPCError, Status, unary
from finial.testing.server import Running, play
from finial.wire.pb.grpc.health.v1 import health_pb2 as api
from finial.wire.pb.grpc.health.v1.health_grpc import HealthStub


def test_a_server_with_its_bundle_serves(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            stub = HealthStub(channel)
            answer = await unary(stub.Check, api.HealthCheckRequest())
            assert answer.status == api.HealthCheckResponse.SERVING
            with pytest.raises(GRPCError, match="per-service health is not supported"):
                await unary(stub.Check, api.HealthCheckRequest(service="x"))
            with pytest.raises(GRPCError, match="method List not implemented") as refusal:
                await unary(stub.List, api.HealthListRequest())
        assert refusal.value.status is Status.UNIMPLEMENTED

    play(tmp_path, scene)
