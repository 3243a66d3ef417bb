"""Where the server listens: TCP for agents and remote operators, a Unix socket for the machine's own.

Both serve the same services behind one gate; logger, health, debug and configuration are on the socket alone. TCP
connections end after three minutes, gracefully, so that agents spread over the servers again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from finial.runtime.grpc import TCP, UNIX, Interceptor, Servable, Server
from finial.runtime.log import Logger
from finial.runtime.sockets import FactoryBehind, Listener, Proxies, listen_tcp, listen_unix
from finial.runtime.tasks import Tasks
from finial.runtime.tls import FollowingContext
from finial.wire.status import to_grpc_error

MAX_CONNECTION_AGE = 180.0  # seconds
SOCKET_MODE, SOCKET_DIR_MODE = 0o770, 0o750
GRACE = 5.0  # seconds that calls get to end when the server stops


class Endpoints:
    """`start` binds both, or neither; `stop` lets calls end. `trusted_proxies`: networks whose peers on TCP may say
    for whom they speak."""

    def __init__(
        self,
        shared: Collection[Servable],
        local: Collection[Servable],
        gate: Interceptor,
        log: Logger,
        *,
        max_age: float = MAX_CONNECTION_AGE,
        trusted_proxies: Collection[str] = (),
    ) -> None:
        self._log = log.subsystem("endpoints")
        self._tasks = Tasks(self._failed)  # of connections: one that fails is no reason to stop
        self._tcp = Server(
            shared, TCP, interceptor=gate, to_status=to_grpc_error, max_age=max_age, on_error=self._failed
        )
        self._unix = Server(
            [*shared, *local], UNIX, interceptor=gate, to_status=to_grpc_error, on_error=self._failed
        )
        self._trusted_proxies = trusted_proxies
        self._listeners: list[Listener] = []
        self._addresses: list[tuple[str, str, Server]] = []

    @property
    def servers(self) -> Mapping[str, Server]:
        """By the kind of their listener."""
        return {"tcp": self._tcp, "unix": self._unix}

    def start(self, host: str, port: int, path: Path, context: FollowingContext) -> int:
        """Returns: the port. Raises: what binding raises."""
        unix = listen_unix(path, mode=SOCKET_MODE, dir_mode=SOCKET_DIR_MODE)
        try:
            tcp = listen_tcp(host, port)
        except BaseException:
            unix.close()
            path.unlink(missing_ok=True)
            raise
        bound = int(tcp.getsockname()[1])
        self._listeners = [
            Listener(
                tcp, lambda _: self._tcp.protocol(), self._tasks, context=context, behind=self._behind()
            ),
            Listener(unix, self._unix.protocol, self._tasks),
        ]
        self._addresses = [("unix", str(path), self._unix), ("tcp", _shown(host, bound), self._tcp)]
        for network, address, _ in self._addresses:
            self._log.info("Starting Server APIs", address=address, network=network)
        return bound

    def _behind(self) -> tuple[Proxies, FactoryBehind] | None:
        if not self._trusted_proxies:
            return None
        cidrs = ",".join(self._trusted_proxies)
        self._log.info("PROXY protocol enabled on TCP listener", trusted_cidrs=f"[{cidrs}]")
        return Proxies(self._trusted_proxies), self._tcp.protocol

    async def stop(self) -> None:
        for listener in self._listeners:
            listener.close()
        for network, address, server in self._addresses:
            fields = {"address": address, "network": network}
            self._log.info("Stopping Server APIs", **fields)
            self._log.info("Attempting graceful stop", **fields)
            cut = await server.drain(GRACE)
            if cut:
                self._log.warning("Graceful stop unsuccessful, forceful stop required", **fields)
            else:
                self._log.info("Graceful stop successful", **fields)
            self._log.info("Server APIs have stopped", **fields)
        await self._tasks.close()

    def _failed(self, what: str, error: BaseException) -> None:
        self._log.error("Failed unexpectedly", method=what, error=f"{type(error).__name__}: {error}")


def _shown(host: str, port: int) -> str:
    name = host or "::"
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
