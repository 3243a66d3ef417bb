"""A gRPC client that checks the server's SPIFFE ID in the handshake. Run it with SPIFFE_ENDPOINT_SOCKET set.

python examples/grpc_client.py 18502 spiffe://example.org/me
"""

from __future__ import annotations

import asyncio
import sys

from finial.client import X509Source, authorize, grpc
from finial.wire.pb.grpc.health.v1.health_grpc import HealthStub
from finial.wire.pb.grpc.health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse


async def main(port: int, server: str) -> None:
    async with X509Source() as source:
        async with grpc.channel("127.0.0.1", port, source, authorize.one_of(server)) as channel:
            answer = await HealthStub(channel).Check(HealthCheckRequest())
            print(f"{server} is {HealthCheckResponse.ServingStatus.Name(answer.status)}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
