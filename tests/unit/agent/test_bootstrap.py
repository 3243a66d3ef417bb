"""Where the first trust comes from."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from finial.agent.bootstrap import (
    SPIFFE,
    FirstTrust,
    first_bundle,
    read_bundle,
    stored_bundle,
    unverified_bundle,
    url_for_service,
    workload_api_bundle,
)
from finial.agent.connection import ServerAddress
from finial.agent.storage import Bootstrap, Use
from finial.agent.workload_api import WorkloadApiOptions
from finial.errors import FinialError, InvalidArgument, NotFound, Unavailable
from finial.runtime.log import Level, Logger, Output
from finial.spiffe import bundle_document
from finial.spiffe.bundle import Bundle, X509Authority
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.agent import RunningAgent
from finial.testing.ca import TestCa
from finial.testing.scripted_server import ScriptedServer

OWN = TrustDomain("example.org")
SERVER = ServerAddress("server.test", 8081, OWN)
SINCE = datetime(2026, 1, 1, 1, 2, 3, 456, timezone(timedelta(hours=1)))


async def first(trust: FirstTrust, state: Bootstrap) -> tuple[Bundle, str]:
    """The bundle, and what was logged."""
    text = io.StringIO()
    log = Logger(Output(text, now=lambda: SINCE, level=Level.DEBUG, strict=True))
    return await first_bundle(trust, SERVER, state, log), text.getvalue()


async def answering(path: Path, body: bytes, asked: list[str]) -> asyncio.Server:
    """A service on a socket that answers each request with `body`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.split()[1].decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    return await asyncio.start_unix_server(serve, path)


def test_a_bundle_is_read_as_pem_or_as_a_document(tmp_path: Path) -> None:
    bundle = Bundle(OWN, (X509Authority(TestCa().der),))
    pem, document = tmp_path / "bundle.pem", tmp_path / "bundle.json"
    pem.write_bytes(bundle_document.encode_pem(bundle.x509_roots))
    document.write_bytes(bundle_document.encode(bundle))
    assert asyncio.run(read_bundle(str(pem), "pem", OWN)) == bundle
    assert asyncio.run(read_bundle(str(document), "spiffe", OWN)) == bundle
    assert stored_bundle(OWN, bundle.x509_roots) == bundle


@pytest.mark.parametrize(
    ("content", "form", "why"),
    [
        (None, "pem", "could not parse trust bundle: open .*: no such file or directory"),
        (b"", "pem", "no PEM blocks"),
        (b"{", "spiffe", "could not parse trust bundle: "),
    ],
)
def test_a_bundle_that_cannot_be_read_is_told_in_the_words_of_a_stock_agent(
    tmp_path: Path, content: bytes | None, form: str, why: str
) -> None:
    path = tmp_path / "bundle"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidArgument, match=why):
        asyncio.run(read_bundle(str(path), form, OWN))


def test_without_a_bundle_the_one_of_whoever_answers_is_taken_and_no_proof_is_sent() -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            assert await unverified_bundle(server.address) == server.bundle
            assert set(server.calls) == {"GetBundle"}
            other = ServerAddress("127.0.0.1", server.address.port, TrustDomain("other.test"))
            with pytest.raises(InvalidArgument, match='"other.test" is configured'):
                await unverified_bundle(other)

    asyncio.run(scenario())


def test_a_file_is_read_without_a_word(tmp_path: Path) -> None:
    bundle = Bundle(OWN, (X509Authority(TestCa().der),))
    (tmp_path / "bundle").write_bytes(bundle_document.encode(bundle))
    assert asyncio.run(first(FirstTrust(str(tmp_path / "bundle"), SPIFFE), Bootstrap())) == (bundle, "")


def test_who_fetches_says_for_what_and_since_when(tmp_path: Path) -> None:
    bundle = Bundle(OWN, (X509Authority(TestCa().der),))
    asked: list[str] = []

    async def scenario(state: Bootstrap) -> tuple[Bundle, str]:
        socket = tmp_path / "trust.sock"
        async with await answering(socket, bundle_document.encode_pem(bundle.x509_roots), asked):
            trust = FirstTrust(url="http://localhost/b", unix_socket=str(socket))
            return await first(trust, state)

    found, log = asyncio.run(scenario(Bootstrap(Use.TRUST_ANEW, SINCE, 3)))
    assert found == bundle
    assert "Server reattestation attempt 3. Started 2026-01-01T00:02:03Z." in log
    assert asked == [url_for_service("/b", SERVER, Bootstrap(Use.TRUST_ANEW, SINCE, 3))]
    assert "Server attestation attempt 1. Started never." in asyncio.run(scenario(Bootstrap(attempts=1)))[1]


@pytest.mark.parametrize("body", [b"", b"no PEM", b"{}"])
def test_a_service_that_answers_no_bundle_is_told_with_its_url(tmp_path: Path, body: bytes) -> None:
    async def scenario() -> None:
        socket = tmp_path / "trust.sock"
        async with await answering(socket, body, []):
            trust = FirstTrust(url="http://localhost/b", unix_socket=str(socket))
            await first(trust, Bootstrap())

    with pytest.raises(InvalidArgument, match="could not parse trust bundle from http://localhost/b") as told:
        asyncio.run(scenario())
    assert "-format pem" in (told.value.hint or "")


def test_a_source_that_fails_is_not_replaced_by_another(tmp_path: Path) -> None:
    bundle = Bundle(OWN, (X509Authority(TestCa().der),))
    (tmp_path / "bundle").write_bytes(bundle_document.encode_pem(bundle.x509_roots))
    absent = str(tmp_path / "absent.sock")
    with pytest.raises(FinialError):
        asyncio.run(first(FirstTrust(str(tmp_path / "bundle"), workload_api=absent), Bootstrap()))
    with pytest.raises(FinialError):
        trust = FirstTrust(str(tmp_path / "bundle"), url="http://localhost/b", unix_socket=absent)
        asyncio.run(first(trust, Bootstrap()))


def test_a_service_is_told_who_asks_and_why() -> None:
    state = Bootstrap(Use.TRUST_ANEW, datetime(2026, 1, 1, tzinfo=UTC), 2)
    assert url_for_service("http://localhost/b?z=1&a=x%20y&empty=", SERVER, state) == (
        "http://localhost/b?a=x+y&empty=&spiffe-trust-domain=example.org"
        "&spire-attest-mode=rebootstrap&spire-attest-start-time=2026-01-01T00%3A00%3A00Z"
        "&spire-connection-attempts=2&spire-server-address=server.test&spire-server-port=8081&z=1"
    )


def test_what_the_url_says_itself_does_not_pose_as_the_agents_word() -> None:
    url = url_for_service("http://localhost/?spire-attest-mode=rebootstrap", SERVER, Bootstrap())
    assert url.count("spire-attest-mode") == 1
    assert "spire-attest-mode=bootstrap" in url


def test_another_agent_gives_what_it_gives_its_workloads(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            settings = {"workload_api": WorkloadApiOptions(allow_unauthenticated_verifiers=True)}
            agent = RunningAgent(
                tmp_path, server.address, server.bundle, server.new_token(), settings=settings
            )
            async with agent:
                await agent.serving()
                found = await workload_api_bundle(str(agent.socket), OWN)
                assert found.x509_roots == server.bundle.x509_roots
                with pytest.raises(NotFound, match='trust domain "other.test"'):
                    await workload_api_bundle(str(agent.socket), TrustDomain("other.test"))

    asyncio.run(scenario())


def test_another_agent_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="unable to fetch trust bundle from SPIFFE Workload API unix:"):
        asyncio.run(workload_api_bundle(str(tmp_path / "absent.sock"), OWN))
