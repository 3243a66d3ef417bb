"""What options of the agent's file do to an agent that runs with them; by option in tests/config-effects.txt."""

from __future__ import annotations

import asyncio
import io
import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from finial.agent.bootstrap import first_bundle
from finial.agent.connection import ServerAddress
from finial.agent.main import first_trust, run
from finial.agent.storage import Bootstrap
from finial.client.workload import WorkloadApi
from finial.config.agent import AgentConfig, load_agent
from finial.errors import PermissionDenied
from finial.registry.entry import Entry
from finial.runtime import clock as clock_module
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output
from finial.spiffe import bundle_document
from finial.spiffe.bundle import Bundle, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.agent import RunningAgent
from finial.testing.ca import TestCa
from finial.testing.clock import SetBack
from finial.testing.configs import agent_conf, trust_bundle
from finial.testing.scripted_server import ScriptedServer

OWN = TrustDomain("example.org")
Callback = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
UID = (Selector("unix", f"uid:{os.geteuid()}"),)
ENTRY = Entry("a", SpiffeId.parse("spiffe://example.org/a"), SpiffeId.parse("spiffe://example.org/node"), UID)


def config(folder: Path, options: str, *, port: int = 1) -> AgentConfig:
    return load_agent(agent_conf(folder, options, port=port), "agent.conf")


def logger() -> tuple[Logger, io.StringIO]:
    text = io.StringIO()
    return Logger(Output(text, now=SystemClock().now)), text


def test_polls_and_keys_of_workloads_are_as_configured(tmp_path: Path) -> None:
    """At a stock server, which cannot push: a later entry is seen at the next poll, by default after 5 s."""

    async def scenario() -> bytes:
        async with ScriptedServer() as server:
            (tmp_path / "bundle.pem").write_bytes(bundle_document.encode_pem(server.bundle.x509_roots))
            options = f"""join_token = "{server.new_token()}" {trust_bundle(tmp_path)}
              workload_x509_svid_key_type = "ec-p384" experimental {{ sync_interval = "20ms" }}"""
            made, stopped = config(tmp_path, options, port=server.address.port), asyncio.Event()
            running = asyncio.ensure_future(run(made, SystemClock(), logger()[0], stopped))
            try:
                async with asyncio.timeout(4), WorkloadApi(f"unix://{tmp_path}/agent.sock") as api:
                    while server.calls["SyncAuthorizedEntries"] < 4:  # noqa: ASYNC110 - it sends no event
                        await asyncio.sleep(0.005)
                    server.entries = {"a": ENTRY}
                    while server.calls["BatchNewX509SVID"] < 1:  # noqa: ASYNC110 - it sends no event
                        await asyncio.sleep(0.005)
                    return (await api.fetch_x509()).default.svid.chain[0]
            finally:
                stopped.set()
                await asyncio.wait_for(running, 10)

    key = x509.load_der_x509_certificate(asyncio.run(scenario())).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp384r1"


@pytest.mark.parametrize("call", ["BatchNewX509SVID", "RenewAgent"])
@pytest.mark.parametrize(("percent", "before", "after"), [(30, 0.25, 0.35), (80, 0.75, 0.85)])
def test_svids_are_renewed_when_the_share_of_their_life_that_is_configured_has_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, percent: int, before: float, after: float
) -> None:
    """A workload's and the agent's own: the other one lives for so long that it is not due in the test."""
    monkeypatch.setattr(clock_module, "LONGEST_NAP", 0.005)
    life, longer = 600, 3600
    ttl, agent_ttl = (life, longer) if call == "BatchNewX509SVID" else (longer, life)

    async def scenario() -> None:
        clock = SetBack()
        async with (
            ScriptedServer(clock=clock, x509_svid_ttl=ttl, agent_ttl=agent_ttl) as server,
            asyncio.timeout(20),
        ):
            server.entries = {"a": ENTRY}
            (tmp_path / "bundle.pem").write_bytes(bundle_document.encode_pem(server.bundle.x509_roots))
            options = f"""join_token = "{server.new_token()}" {trust_bundle(tmp_path)}
              experimental {{ svid_renewal_percent = {percent} }}"""
            made, stopped = config(tmp_path, options, port=server.address.port), asyncio.Event()
            running = asyncio.ensure_future(run(made, clock, logger()[0], stopped))

            async def until(done: Callable[[], bool]) -> None:
                while not done():  # noqa: ASYNC110 - it sends no event
                    await asyncio.sleep(0.005)

            try:
                await until((tmp_path / "agent.sock").exists)
                async with WorkloadApi(f"unix://{tmp_path}/agent.sock") as api:
                    await api.fetch_x509()
                calls = server.calls[call]
                clock.behind = -before * life
                looks = clock.naps
                await until(lambda: clock.naps > looks + 10)
                assert server.calls[call] == calls
                clock.behind = -after * life
                await until(lambda: server.calls[call] > calls)
            finally:
                stopped.set()
                await asyncio.wait_for(running, 10)

    asyncio.run(scenario())


async def source_of(folder: Path, options: str) -> Bundle:
    """The first bundle of an agent with this configuration."""
    found = config(folder, options).agent
    server = ServerAddress("spire.test", 8081, found.trust_domain)
    return await first_bundle(first_trust(found), server, Bootstrap(), logger()[0])


def bundle_of(ca: TestCa) -> Bundle:
    return Bundle(OWN, (X509Authority(ca.der),))


def answering(bundle: Bundle, asked: list[bytes]) -> Callback:
    """A web server with the bundle in PEM; `asked` gets the request lines."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).splitlines()[0])
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + bundle_document.encode_pem(bundle.x509_roots))
        writer.close()

    return serve


def test_the_first_bundle_is_fetched_from_a_web_server_this_machine_trusts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        web, bundle, asked = TestCa(), bundle_of(TestCa()), list[bytes]()
        monkeypatch.setenv("SSL_CERT_FILE", str(web.write(tmp_path / "ca.pem")))
        served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        served.load_cert_chain(*web.leaf("/web", dns=("localhost",)).write(tmp_path, "web"))
        server = await asyncio.start_server(answering(bundle, asked), "localhost", 0, ssl=served)
        async with server:
            url = f"https://localhost:{server.sockets[0].getsockname()[1]}/bundle"
            assert await source_of(tmp_path, f'trust_bundle_url = "{url}"') == bundle
        assert asked == [b"GET /bundle HTTP/1.1"]

    asyncio.run(scenario())


def test_the_first_bundle_is_asked_of_the_service_at_a_socket_which_is_told_why(tmp_path: Path) -> None:
    async def scenario() -> None:
        bundle, asked = bundle_of(TestCa()), list[bytes]()
        server = await asyncio.start_unix_server(answering(bundle, asked), tmp_path / "s")
        async with server:
            options = f'trust_bundle_url = "http://b.test/" trust_bundle_unix_socket = "{tmp_path}/s"'
            assert await source_of(tmp_path, options) == bundle
        assert b"spire-attest-mode=bootstrap" in asked[0]
        assert b"spire-server-address=spire.test&spire-server-port=8081" in asked[0]

    asyncio.run(scenario())


def test_the_first_bundle_comes_from_the_workload_api_of_another_agent(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            server.entries = {"a": ENTRY}
            first = tmp_path / "first"
            first.mkdir()
            async with RunningAgent(first, server.address, server.bundle, server.new_token()) as agent:
                await agent.serving()
                options = f'trust_bundle_spiffe_workload_api = "unix://{agent.socket}"'
                assert (await source_of(tmp_path, options)).x509_roots == server.bundle.x509_roots

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("option", "told"), [("", ""), ('log_selectors = ["unix:uid"]', f"unix:uid:{os.geteuid()}")]
)
def test_selectors_of_a_workload_without_an_identity_are_logged_as_configured(
    tmp_path: Path, option: str, told: str
) -> None:
    async def scenario() -> str:
        async with ScriptedServer() as server, asyncio.timeout(10):
            (tmp_path / "bundle.pem").write_bytes(bundle_document.encode_pem(server.bundle.x509_roots))
            trust = f'{trust_bundle(tmp_path)} join_token = "{server.new_token()}"'
            made, stopped = config(tmp_path, f"{option} {trust}", port=server.address.port), asyncio.Event()
            log, text = logger()
            running = asyncio.ensure_future(run(made, SystemClock(), log, stopped))
            try:
                while not (tmp_path / "agent.sock").exists():  # noqa: ASYNC110 - it sends no event
                    await asyncio.sleep(0.005)
                async with WorkloadApi(f"unix://{tmp_path}/agent.sock") as api:
                    with pytest.raises(PermissionDenied, match="no identity issued"):
                        await api.fetch_x509()
            finally:
                stopped.set()
                await asyncio.wait_for(running, 10)
            return text.getvalue()

    (line,) = [one for one in asyncio.run(scenario()).splitlines() if "No identity issued" in one]
    assert ("selectors=" in line) is bool(told)
    assert told in line
    assert "unix:gid" not in line
