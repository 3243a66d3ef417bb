"""Lines as a StatsD daemon gets them, from a socket of our own."""

from __future__ import annotations

import asyncio
import socket

import pytest

from finial.errors import InvalidArgument
from finial.runtime.metrics.registry import Metrics
from finial.runtime.metrics.statsd import MAX_DATAGRAM, Dialect, StatsdSink
from finial.testing.clock import VirtualClock


def received(dialect: Dialect) -> list[str]:
    async def scenario() -> bytes:
        daemon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with daemon:
            daemon.bind(("127.0.0.1", 0))
            daemon.setblocking(False)
            sink = StatsdSink(f"127.0.0.1:{daemon.getsockname()[1]}", dialect)
            found = Metrics("spire_server", VirtualClock(), labels={"host": "node:1"}, sinks=[sink])
            found.calls("rpc.a").done("OK", 0.0025)
            found.gauge("runtime.alloc_bytes").set(7)
            data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(daemon, 65536), 5)
            sink.close()
            return data

    return asyncio.run(scenario()).decode().splitlines()


def test_statsd_has_label_values_in_the_name() -> None:
    assert received(Dialect.STATSD) == [
        "spire_server.rpc.a.OK.node_1:1.000000|c",
        "spire_server.rpc.a.elapsed_time.OK.node_1:2.500000|ms",
        "spire_server.runtime.alloc_bytes.node_1:7.000000|g",
    ]


def test_dogstatsd_has_tags() -> None:
    assert received(Dialect.DOGSTATSD) == [
        "spire_server.rpc.a:1.000000|c|#status:OK,host:node:1",
        "spire_server.rpc.a.elapsed_time:2.500000|ms|#status:OK,host:node:1",
        "spire_server.runtime.alloc_bytes:7.000000|g|#host:node:1",
    ]


def test_many_lines_are_many_datagrams() -> None:
    async def scenario() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
            daemon.bind(("127.0.0.1", 0))
            sink = StatsdSink(f"127.0.0.1:{daemon.getsockname()[1]}")
            counter = Metrics("s", VirtualClock(), sinks=[sink]).counter("a")
            for _ in range(500):
                counter.add()
            sink.close()
            daemon.settimeout(5)
            lines = 0
            while lines < 500:
                data = daemon.recv(65536)
                assert len(data) <= MAX_DATAGRAM
                lines += data.count(b"\n")

    asyncio.run(scenario())


def test_a_daemon_that_is_away_costs_nothing() -> None:
    async def scenario() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{nobody.getsockname()[1]}"
        sink = StatsdSink(address)
        counter = Metrics("s", VirtualClock(), sinks=[sink]).counter("a")
        for _ in range(3):
            counter.add()
            sink.flush()
        sink.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("address", ["", "localhost", "localhost:metrics", "127.0.0.1:70000"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(InvalidArgument, match="cannot send metrics to"):
        StatsdSink(address)
