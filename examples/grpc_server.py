"""A gRPC server that knows its callers by SPIFFE ID. Run it with SPIFFE_ENDPOINT_SOCKET set.

    python examples/grpc_server.py 18502 spiffe://example.org/me

It serves the standard health service; your own is one more class in the list. Ends with Ctrl-C.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

from finial.client import X509Source, authorize, grpc
from finial.wire.pb.grpc.health.v1.health_grpc import HealthBase
from finial.wire.pb.grpc.health.v1.health_pb2 import HealthCheckResponse, HealthListResponse


class Health(HealthBase):
    """Handlers are grpclib's."""

    async def Check(self, stream: Any) -> None:
        await stream.recv_message()
        print(f"asked by {grpc.caller(stream)}", flush=True)
        await stream.send_message(HealthCheckResponse(status=HealthCheckResponse.SERVING))

    async def Watch(self, stream: Any) -> None:
        """One answer, then the end: its caller asks again."""
        await self.Check(stream)

    async def List(self, stream: Any) -> None:
        await stream.recv_message()
        await stream.send_message(HealthListResponse())


async def main(port: int, *callers: str) -> None:
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    async with X509Source() as source:
        async with grpc.serve([Health()], source, authorize.one_of(*callers), port=port) as server:
            print(f"{source.id} serves 127.0.0.1:{server.port}", flush=True)
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
