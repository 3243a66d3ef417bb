"""`grpc.health.v1.Health` on the admin socket: Check, for the whole server."""

from __future__ import annotations

from finial.errors import Unsupported
from finial.runtime.grpc import Stream
from finial.runtime.health import check_service, of_server
from finial.server.api.backend import Backend, request_of
from finial.server.api.caller import current
from finial.wire.pb.grpc.health.v1 import health_pb2 as api
from finial.wire.pb.grpc.health.v1.health_grpc import HealthBase


class HealthService(HealthBase):
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def Check(self, stream: Stream[api.HealthCheckRequest, api.HealthCheckResponse]) -> None:
        request = await request_of(stream)
        check_service(request.service)
        answer = await of_server(lambda: self._backend.store.bundle(self._backend.trust_domain))
        if answer.reason:
            current().log.warning("Health check failed", reason=answer.reason, error=answer.error)
        await stream.send_message(api.HealthCheckResponse(status=answer.status.name))

    async def Watch(self, stream: Stream[api.HealthCheckRequest, api.HealthCheckResponse]) -> None:
        raise Unsupported("method Watch not implemented")

    async def List(self, stream: Stream[api.HealthListRequest, api.HealthListResponse]) -> None:
        raise Unsupported("method List not implemented")
