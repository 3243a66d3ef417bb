"""Status details in each shape of answer, deadlines and cancellation, as grpc-go reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from finial.errors import DeadlineExceeded
from finial.runtime.grpc import UNIX, Channel, GRPCError, Server, Status, unary
from finial.testing.go_peer import GoPeer
from finial.testing.loops import Run, each_loop
from finial.testing.probe import Probe, ProbeStub

pytestmark = [pytest.mark.interop, pytest.mark.slow]


@each_loop
def test_a_grpc_go_client_reads_details_deadlines_and_cancellation(
    run: Run, go_peer: GoPeer, tmp_path: Path
) -> None:
    async def main() -> None:
        path = str(tmp_path / "probe.sock")
        probe = Probe()
        async with Server([probe], UNIX) as server:
            await server.start(path=path)
            result = await go_peer.call("details", f"unix:{path}")
        for shape in ("trailers only", "stream before-recv", "stream after-message"):
            assert result[shape].startswith("PermissionDenied: agent is banned [*errdetails.ErrorInfo"), shape
            assert "AGENT_BANNED" in result[shape]
        assert result["deadline"].startswith("DeadlineExceeded")
        assert 290 <= result["deadline after ms"] < 1000
        assert result["cancelled"].startswith("Canceled")
        assert len(probe.cancelled_after) == 2
        assert max(probe.cancelled_after) < 2

    run(main())


@each_loop
def test_our_client_reads_the_details_of_a_grpc_go_server(run: Run, go_peer: GoPeer, tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "probe.sock")
        async with go_peer.serving(f"unix:{path}"), Channel(path=path) as channel:
            stub = ProbeStub(channel)
            with pytest.raises(GRPCError) as denied:
                await unary(stub.deny, BytesValue())
            assert denied.value.status is Status.PERMISSION_DENIED
            assert denied.value.details[0].reason == "AGENT_BANNED"
            with pytest.raises(DeadlineExceeded, match="^call /probe[.]Probe/Watch: deadline exceeded$"):
                await watch(stub)

    run(main())


async def watch(stub: ProbeStub) -> None:
    async with stub.watch.open(timeout=0.3) as stream:
        await stream.send_message(BytesValue(value=bytes([50])), end=True)
        assert [message async for message in stream]
