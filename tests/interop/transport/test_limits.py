"""What grpc-go makes of our refusals: codes and words, as a grpc-go server would answer."""

from __future__ import annotations

from pathlib import Path

import pytest
import uvloop
from google.protobuf.wrappers_pb2 import BytesValue

from finial.runtime.grpc import Channel, Limits, Server, unary
from finial.testing.go_peer import GoPeer
from finial.testing.loops import Run, each_loop
from finial.testing.probe import Probe, ProbeStub

pytestmark = [pytest.mark.interop, pytest.mark.slow]

OVER = "ResourceExhausted: grpc: received message larger than max ({} vs. 4194304)"
ANSWERS = {
    "message 4 MiB - 64": "OK",
    "message 4 MiB + 1": OVER.format(4194310),
    "message 64 MiB": OVER.format(67108869),
    "gzip": "OK",
    "gzip bomb, 5 MiB": "ResourceExhausted: grpc: received message after decompression larger than max 4194304",
    "snappy": 'Unimplemented: grpc: Decompressor is not installed for grpc-encoding "snappy"',
    "reply over client limit": "ResourceExhausted: grpc: received message larger than max (1048580 vs. 1024)",
    "header 70 kB": "Internal: header list size to send violates the maximum size (65536 bytes) set by server",
    "header 60 kB": "OK",
    "method unknown": "Unimplemented: unknown method Nope for service probe.Probe",
    "service unknown": "Unimplemented: unknown service nope.Nope",
    "after all that": "OK",
    "streams opened": 20,
    "next stream": "Canceled",
}


@each_loop
def test_a_grpc_go_client_reads_our_refusals(run: Run, go_peer: GoPeer) -> None:
    async def main() -> None:
        async with Server([Probe()], Limits(streams=20)) as server:
            await server.start("127.0.0.1", 0)
            port = server.addresses[0][1]
            result = await go_peer.call("limits", f"127.0.0.1:{port}", "-streams", "30")
            assert result["next stream"].startswith(ANSWERS["next stream"])
            assert result | {"errors": None, "next stream": ANSWERS["next stream"]} == ANSWERS | {
                "errors": None
            }
            assert server.connections <= 1

    run(main())


def test_two_thousand_streams_fit_on_one_connection(go_peer: GoPeer) -> None:
    async def main() -> None:
        async with Server([Probe()]) as server:
            await server.start("127.0.0.1", 0)
            port = server.addresses[0][1]
            result = await go_peer.call("limits", f"127.0.0.1:{port}", "-streams", "2000")
            assert result["streams opened"] == 2000
            assert result["next stream"] == "OK"

    uvloop.run(main())


@each_loop
def test_our_client_keeps_the_answer_of_a_call_that_grpc_go_ends_early(
    run: Run, go_peer: GoPeer, tmp_path: Path
) -> None:
    async def main() -> None:
        path = f"{tmp_path}/probe.sock"
        async with go_peer.serving(f"unix:{path}"), Channel(path=path) as channel:
            stub = ProbeStub(channel)
            # grpc-go answers, ends the call with OK and resets what we could still send.
            for _ in range(20):
                async with stub.early.open() as stream:
                    await stream.send_message(BytesValue(value=b"x"))
                    answer = await stream.recv_message()
                    assert answer is not None
                    assert answer.value == b"x"
                    assert await stream.recv_message() is None
                    await stream.end()
            assert (await unary(stub.echo, BytesValue(value=b"y"))).value == b"y"

    run(main())
