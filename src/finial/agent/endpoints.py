"""The agent's public socket: the Workload API and gRPC health, callers pinned at accept.

The socket has mode 0777 and its folder 0755: who may ask is decided by attestation, not by file modes.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from finial.agent.workload_api import HEADER, SERVICE_PREFIX, require_header
from finial.errors import Unsupported
from finial.runtime.grpc import UNIX, Servable, Server, Stream, connection_of
from finial.runtime.health import check_service, of_workload_api
from finial.runtime.log import Logger
from finial.runtime.metrics import CANCELED, OK, Calls, Metrics, rpc_key
from finial.runtime.peer import Peer
from finial.runtime.sockets import Listener, listen_unix
from finial.runtime.tasks import Tasks
from finial.wire.client import ServerChannel
from finial.wire.pb.grpc.health.v1 import health_pb2
from finial.wire.pb.grpc.health.v1.health_grpc import HealthBase
from finial.wire.pb.spiffe.workload import workload_pb2
from finial.wire.pb.spiffe.workload.workload_grpc import SpiffeWorkloadAPIStub
from finial.wire.status import DetailsCodec, to_grpc_error

CHECK_TIMEOUT = 10.0
SOCKET_MODE, FOLDER_MODE = 0o777, 0o755

CheckStream = Stream[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse]
ListStream = Stream[health_pb2.HealthListRequest, health_pb2.HealthListResponse]


class Endpoints:
    """Listens between `start` and `close`."""

    def __init__(
        self, path: Path, handlers: Sequence[Servable], tasks: Tasks, metrics: Metrics, log: Logger
    ) -> None:
        self.path = path
        self._calls = CountedCalls(metrics)
        self._log = log
        self._tasks = tasks
        self._server = Server(
            [*handlers, Health(path, log)],
            UNIX,
            interceptor=self._calls.intercept,
            to_status=to_grpc_error,
            details_codec=DetailsCodec(),
            on_error=self._failed,
        )
        self._listener: Listener | None = None

    def start(self, *, deep: bool = False) -> None:
        """`deep`: also notice a caller that execs its own program again, where a launcher vouches for it.

        Raises: what `sockets.listen_unix` raises.
        """
        sock = listen_unix(self.path, mode=SOCKET_MODE, dir_mode=FOLDER_MODE)
        self._listener = Listener(
            sock, self._server.protocol, self._tasks, deep=deep, on_refusal=self._refused
        )
        self._log.info("Starting agent APIs", address=str(self.path), apis="Workload API", network="unix")

    async def close(self) -> None:
        """Open streams are cut: their clients come back when there is an agent again."""
        if self._listener is None:
            return
        self._log.info("Stopping agent APIs", apis="Workload API")
        self._listener.close()
        await self._server.drain(0)

    def _refused(self, why: str) -> None:
        self._log.warning("Connection of a workload was refused", error=why)

    def _failed(self, path: str, error: BaseException) -> None:
        self._log.error("Call of a workload failed", method=path, error=error)


STREAMS = frozenset(
    f"{SERVICE_PREFIX}{one}" for one in ("FetchX509SVID", "FetchX509Bundles", "FetchJWTBundles")
)
"""Calls that last until their caller has enough: it leaves, and all is well."""


class CountedCalls:
    """The interceptor: each call of a workload is counted; those of this process, which looks whether it is well,
    are not."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._calls: dict[str, Calls] = {}
        self._open = metrics.gauge("workload_api.connections")
        self._opened = metrics.counter("workload_api.connection")

    async def intercept(
        self, stream: Stream[Any, Any], path: str, call: Callable[[], Awaitable[None]]
    ) -> None:
        peer = connection_of(stream).peer
        if isinstance(peer, Peer) and peer.pid == os.getpid():
            await require_header(stream, path, call)
            return
        with self._connected(path), self._counted(path).measured(left=OK if path in STREAMS else CANCELED):
            await require_header(stream, path, call)

    @contextmanager
    def _connected(self, path: str) -> Iterator[None]:
        """SPIRE counts as a connection each call of the Workload API that is open."""
        if not path.startswith(SERVICE_PREFIX):
            yield
            return
        self._opened.add()
        self._open.add(1)
        try:
            yield
        finally:
            self._open.add(-1)

    def _counted(self, path: str) -> Calls:
        calls = self._calls.get(path)
        if calls is None:
            calls = self._calls[path] = self._metrics.calls(f"rpc.{rpc_key(path)}")
        return calls


class Health(HealthBase):
    """Well if the Workload API answers a call of our own, also with "no identity issued"."""

    def __init__(self, path: Path, log: Logger) -> None:
        self._path = path
        self._log = log

    async def Check(self, stream: CheckStream) -> None:
        request = await stream.recv_message() or health_pb2.HealthCheckRequest()
        check_service(request.service)
        answer = await of_workload_api(self.fetch_bundles)
        if answer.error is not None:
            self._log.warning("Health check failed", reason=answer.reason, error=answer.error)
        await stream.send_message(health_pb2.HealthCheckResponse(status=answer.status.name))

    async def Watch(self, stream: CheckStream) -> None:
        raise Unsupported("method Watch not implemented")

    async def List(self, stream: ListStream) -> None:
        raise Unsupported("method List not implemented")

    async def fetch_bundles(self) -> None:
        """One FetchX509Bundles, as any workload calls it. Raises: what it is answered."""
        channel = ServerChannel(path=str(self._path))
        try:
            method = SpiffeWorkloadAPIStub(channel).FetchX509Bundles
            async with method.open(timeout=CHECK_TIMEOUT, metadata={HEADER: "true"}) as stream:
                await stream.send_message(workload_pb2.X509BundlesRequest(), end=True)
                await stream.recv_message()
                await stream.cancel()
        finally:
            await channel.aclose()
