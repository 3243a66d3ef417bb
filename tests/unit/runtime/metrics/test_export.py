"""An endpoint that is read, one that cannot be opened, and daemons that are told."""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
from pathlib import Path

import httpx
import pytest

from finial.errors import InvalidArgument
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output
from finial.runtime.metrics.export import Export, Exporter
from finial.runtime.metrics.readers import TlsExport
from finial.runtime.metrics.statsd import Dialect
from finial.testing.ca import TestCa

CLOCK = SystemClock()


def exporter(export: Export) -> tuple[Exporter, io.StringIO]:
    log = io.StringIO()
    return Exporter(export, CLOCK, Logger(Output(log, now=CLOCK.now))), log


async def get(url: str, verify: ssl.SSLContext | bool = True) -> httpx.Response:
    async with httpx.AsyncClient(verify=verify, trust_env=False) as client:
        return await client.get(url)


def test_any_path_answers_with_what_was_counted() -> None:
    async def scenario() -> None:
        served, log = exporter(Export("spire_server", {"host": "node-1"}, endpoint=("localhost", 0)))
        await served.start()
        served.metrics.calls("rpc.a").done("OK", 1)
        try:
            answer = await get(f"http://localhost:{served.port}/metrics")
            again = await get(f"http://localhost:{served.port}/")
        finally:
            await served.close()
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert 'spire_server_rpc_a{host="node-1",status="OK"} 1\n' in answer.text
        assert "spire_server_uptime_in_ms" in answer.text
        assert again.status_code == 200
        assert f'msg="Starting prometheus exporter" host=localhost port={served.port}' in log.getvalue()

    asyncio.run(scenario())


def test_a_taken_port_is_told_and_does_no_harm() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            served, log = exporter(Export("s", endpoint=("127.0.0.1", port)))
            await served.start()
            await served.close()
        assert "Please ensure access to this port is tightly controlled" in log.getvalue()
        assert 'level=warning msg="Prometheus listener stopped unexpectedly: listen' in log.getvalue()

    asyncio.run(scenario())


def test_without_an_endpoint_nothing_listens() -> None:
    async def scenario() -> None:
        served, _ = exporter(Export("s"))
        await served.start()
        assert served.port == 0
        await served.close()

    asyncio.run(scenario())


def test_files_make_tls_and_a_ca_lets_its_clients_in_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        ca = TestCa()
        certificate, key = ca.leaf(dns=["localhost"]).write(tmp_path, "server")
        ca_file = ca.write(tmp_path / "ca.pem")
        export = Export(
            "s", endpoint=("localhost", 0), tls=TlsExport(str(certificate), str(key), str(ca_file))
        )
        served, _ = exporter(export)
        assert served.readers is None
        await served.start()
        context = ssl.create_default_context(cafile=str(ca_file))
        url = f"https://localhost:{served.port}/"
        try:
            with pytest.raises(httpx.TransportError):
                await get(url, context)
            context.load_cert_chain(*ca.leaf("/prometheus").write(tmp_path, "client"))
            assert (await get(url, context)).status_code == 200
        finally:
            await served.close()

    asyncio.run(scenario())


def test_files_that_cannot_be_used_are_named() -> None:
    with pytest.raises(
        InvalidArgument, match=r'failed to create TLS config for Prometheus: "/no/c", "/no/k": '
    ):
        exporter(Export("s", endpoint=("localhost", 0), tls=TlsExport("/no/c", "/no/k")))


def test_daemons_are_told_until_the_end() -> None:
    async def scenario() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
            daemon.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{daemon.getsockname()[1]}"
            served, _ = exporter(Export("s", daemons=((address, Dialect.STATSD),)))
            served.metrics.counter("a").add()
            await served.close()
            daemon.settimeout(5)
            assert daemon.recv(100) == b"s.a:1.000000|c\n"

    asyncio.run(scenario())
