"""StatsD and DogStatsD: each change as a line in a datagram, to a daemon beside us.

Lines are gathered for a tenth of a second or up to 1,400 bytes, as go-metrics does; a daemon that is not there
costs nothing and loses what was sent to it, as UDP does. StatsD has no labels: their values follow the key, in the
order in which they were given. DogStatsD carries them as tags. SPIRE 1.15: pkg/common/telemetry/{statsd,dogstatsd}.go.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from enum import Enum

from finial.errors import InvalidArgument
from finial.runtime.metrics.instruments import Push, Type
from finial.runtime.metrics.registry import Labels

FLUSH_AFTER = 0.1  # seconds
MAX_DATAGRAM = 1400  # bytes
MAX_PORT = 65535
LETTERS = {Type.COUNTER: "c", Type.GAUGE: "g", Type.SUMMARY: "ms", Type.HISTOGRAM: "ms"}
FORBIDDEN = str.maketrans(": |@\n", "_____")


class Dialect(Enum):
    STATSD = "statsd"
    DOGSTATSD = "dogstatsd"


class StatsdSink:
    """Open to a daemon between its making and `close`; counted into from the event loop's thread."""

    def __init__(self, address: str, dialect: Dialect = Dialect.STATSD) -> None:
        """`address`: `host:port`. Raises: InvalidArgument."""
        self._dialect = dialect
        self._socket = _connected(address)
        self._lines: list[bytes] = []
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None

    def open(self, kind: Type, key: str, labels: Labels) -> Push:
        if self._dialect is Dialect.STATSD:
            key, tags = ".".join([key, *(value for _, value in labels)]), ""
        else:
            tags = ",".join(f"{name}:{value}" if value else name for name, value in labels)
        name, ending = key.translate(FORBIDDEN), f"|{LETTERS[kind]}" + (f"|#{tags}" if tags else "")

        def push(value: float) -> None:
            self._add(f"{name}:{value:f}{ending}\n".encode())

        return push

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines, self._size = self._lines, [], 0
        if lines:
            with contextlib.suppress(
                OSError
            ):  # nobody listens, or the buffer is full: figures are not worth waiting
                self._socket.send(b"".join(lines))

    def close(self) -> None:
        """Sends what is left."""
        self.flush()
        self._socket.close()

    def _add(self, line: bytes) -> None:
        if self._size + len(line) > MAX_DATAGRAM:
            self.flush()
        self._lines.append(line)
        self._size += len(line)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER, self.flush)


def _connected(address: str) -> socket.socket:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) <= MAX_PORT:
        raise InvalidArgument(
            f'cannot send metrics to "{address}": it is no host:port',
            hint='write it as "127.0.0.1:8125"',
        )
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host.strip("[]") or None, int(port), type=socket.SOCK_DGRAM
        )[0]
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        sock.connect(where)
    except (OSError, OverflowError) as why:
        raise InvalidArgument(f'cannot send metrics to "{address}": {why}') from why
    return sock
