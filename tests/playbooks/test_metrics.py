"""Metrics of a running server and of a running agent, as the section `telemetry` of their files asks for."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from finial.runtime.metrics.catalogue import KNOWN
from finial.testing.ca import TestCa
from finial.testing.telemetry import Program, running_agent, running_server, scraped

READER = "spiffe://example.org/prometheus"
DESCRIBED = {
    key.replace(".", "_").removesuffix("_total" * key.startswith("finial.")): one
    for key, one in KNOWN.items()
}
OWN_SVID = 'use_spire_svid = true authorized_spiffe_ids = ["' + READER + '"]'


Runner = Callable[[Path, str], AbstractAsyncContextManager[Program]]
BOTH = pytest.mark.parametrize(
    ("runner", "service", "counted"),
    [
        (running_server, "spire_server", "rpc_entry_v1_entry_get_entry"),
        (running_agent, "spire_agent", "rpc_workload_api_fetch_x509svid"),
    ],
    ids=["server", "agent"],
)


async def refused(program: Program, verify: ssl.SSLContext) -> bool:
    try:
        return not await scraped(program, verify)
    except httpx.TransportError:
        return True


def names(text: str) -> set[str]:
    return set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))


@BOTH
def test_calls_are_counted_at_the_address_configured(
    tmp_path: Path, runner: Runner, service: str, counted: str
) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        async with runner(tmp_path, f'Prometheus {{ host = "127.0.0.1" port = {port} }}') as program:
            await program.call()
            assert program.address == ("127.0.0.1", port)
            text = await scraped(program)
        status = "NotFound" if service == "spire_server" else "OK"
        assert re.search(rf'^{service}_{counted}{{host="[^"]+",status="({status})"}} 1$', text, re.MULTILINE)
        assert f"# TYPE {service}_{counted}_elapsed_time summary" in text
        assert (
            f'{service}_started{{host="{socket.gethostname()}",trust_domain_id="example_org",version=' in text
        )
        assert f"{service}_uptime_in_ms" in text

    asyncio.run(scenario())


@BOTH
def test_each_metric_has_the_type_and_labels_that_are_described(
    tmp_path: Path, runner: Runner, service: str, counted: str
) -> None:
    async def scenario() -> str:
        async with runner(tmp_path, "Prometheus {}") as program:
            await program.call()
            return await scraped(program)

    families = list(text_string_to_metric_families(asyncio.run(scenario())))
    assert len(families) > 30
    for family in families:
        name = family.name.removeprefix(f"{service}_")
        one = DESCRIBED.get(name.removesuffix("_elapsed_time")) or DESCRIBED[f"{name.partition('_')[0]}_*"]
        wanted = "summary" if name.endswith("_elapsed_time") else one.kind.value
        assert (family.type, family.documentation != family.name) == (wanted, True), name
        for sample in family.samples:
            labels = sample.labels.keys() - {"host", "le", "quantile"}
            assert labels == set(one.labels) - {"spiffe_id"}, name


@BOTH
def test_names_and_labels_are_as_configured(
    tmp_path: Path, runner: Runner, service: str, counted: str
) -> None:
    options = f"""
        Prometheus {{}}
        MetricPrefix = "identity"
        EnableTrustDomainLabel = true
        EnableHostnameLabel = false
        BlockedPrefixes = ["identity.rpc", "identity.datastore"]
        AllowedPrefixes = ["identity.{counted.replace("_", ".", 1)[:8]}"]
        AllowedLabels = ["trust_domain", "status", "version"]
        BlockedLabels = ["version"]
    """

    async def scenario() -> str:
        async with runner(tmp_path, options) as program:
            await program.call()
            return await scraped(program)

    text = asyncio.run(scenario())
    assert f"identity_{counted}" in names(text)
    assert not any(name.startswith(("identity_datastore", service)) for name in names(text))
    assert 'identity_started{trust_domain="example_org"} 1\n' in text
    assert "host=" not in text


@BOTH
def test_spiffe_ids_are_told_where_they_are_asked_for(
    tmp_path: Path, runner: Runner, service: str, counted: str
) -> None:
    async def read(folder: Path, option: str) -> str:
        async with runner(folder, f"Prometheus {{}} {option}") as program:
            await program.call()
            return await scraped(program)

    async def scenario() -> None:
        told = await read(tmp_path / "told", "SpiffeIdLabel = true")
        assert re.search(r'^finial_svid_\w+_total{.*spiffe_id="spiffe://example.org/\w+', told, re.MULTILINE)
        plain = await read(tmp_path / "plain", "")
        assert "finial_svid_" in plain
        assert "spiffe_id=" not in plain
        assert "spiffe://" not in plain
        assert "unix:uid" not in plain

    for one in ("told", "plain"):
        (tmp_path / one).mkdir()
    asyncio.run(scenario())


@BOTH
def test_daemons_are_told_of_calls(tmp_path: Path, runner: Runner, service: str, counted: str) -> None:
    async def scenario() -> list[bytes]:
        daemons = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for one in daemons:
            one.bind(("127.0.0.1", 0))
            one.settimeout(5)
        plain, tagged = (f"127.0.0.1:{one.getsockname()[1]}" for one in daemons)
        options = f'Statsd = [{{ address = "{plain}" }}] DogStatsd = [{{ address = "{tagged}" }}]'
        async with runner(tmp_path, options) as program:
            await program.call()
        told = []
        for one in daemons:
            with one:
                lines = b""
                while b"fetch_x509svid" not in lines and b"get_entry" not in lines:
                    lines += one.recv(65536)
                told.append(lines)
        return told

    plain, tagged = asyncio.run(scenario())
    key = f"{service}.rpc.".encode()
    assert re.search(re.escape(key) + rb"[a-z0-9_.]+\.(OK|Canceled|NotFound)\.[^:]+:1\.0+\|c\n", plain)
    assert re.search(re.escape(key) + rb"[a-z0-9_.]+:1\.0+\|c\|#status:(OK|Canceled|NotFound),host:", tagged)


@BOTH
def test_readers_prove_a_spiffe_id_to_a_program_that_shows_its_own(
    tmp_path: Path, runner: Runner, service: str, counted: str
) -> None:
    async def scenario() -> None:
        async with runner(tmp_path, f"Prometheus {{ tls {{ {OWN_SVID} }} }}") as program:
            await program.call()
            assert counted in await scraped(program, await program.reader(READER))
            assert await refused(program, await program.reader(f"{READER}/other"))

    asyncio.run(scenario())


@BOTH
def test_a_certificate_of_files_is_shown_and_clients_are_those_of_a_ca(
    tmp_path: Path, runner: Runner, service: str, counted: str
) -> None:
    async def scenario() -> None:
        web = TestCa("web.test")
        certificate, key = web.leaf(dns=["localhost"]).write(tmp_path, "web")
        ca = web.write(tmp_path / "web-ca.pem")
        tls = f'cert_file = "{certificate}" key_file = "{key}" client_ca_file = "{ca}"'
        async with runner(tmp_path, f"Prometheus {{ tls {{ {tls} }} }}") as program:
            await program.call()
            context = ssl.create_default_context(cafile=str(ca))
            assert await refused(program, context)
            context.load_cert_chain(*web.leaf("/client").write(tmp_path, "client"))
            assert counted in await scraped(program, context)

    asyncio.run(scenario())
