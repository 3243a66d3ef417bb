from __future__ import annotations

import asyncio
import gc
import ssl
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from finial.client import authorize
from finial.client.authorize import Authorizer
from finial.client.tls import client_context, server_context
from finial.client.workload import WorkloadApi
from finial.client.x509_source import X509Source
from finial.runtime.tls import FollowingContext, peer_id
from finial.testing.ca import TestCa
from finial.testing.loops import Run, each_loop
from finial.testing.workload import WorkloadApiServer, workloads

PAYMENT = "spiffe://example.org/payment"
CA = TestCa()
FORGED = TestCa()  # names the same trust domain


@asynccontextmanager
async def echo(context: ssl.SSLContext) -> AsyncIterator[int]:
    """Answers with the ID of whoever connects."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{peer_id(writer.get_extra_info('ssl_object'))}\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def ask(port: int, context: ssl.SSLContext) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        return (await reader.readline()).decode().strip()
    finally:
        writer.close()


def client(source: X509Source, check: Authorizer | None = None) -> FollowingContext:
    return client_context(source, check or authorize.one_of(PAYMENT))


@each_loop
def test_both_ends_know_each_other(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/payment"), (CA, "/web")) as (payment, web):
            async with echo(server_context(payment.source, authorize.member_of("example.org"))) as port:
                assert await ask(port, client(web.source)) == "spiffe://example.org/web"

    run(scenario())


@each_loop
def test_another_workload_that_poses_as_the_server_is_refused(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/impostor"), (CA, "/web")) as (impostor, web):
            async with echo(server_context(impostor.source, authorize.any_id())) as port:
                with pytest.raises(ssl.SSLError, match='unexpected ID "spiffe://example.org/impostor"'):
                    await ask(port, client(web.source))

    run(scenario())


@each_loop
def test_a_server_of_a_forged_authority_is_refused(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (FORGED, "/payment"), (CA, "/web")) as (forged, web):
            async with echo(server_context(forged.source, authorize.any_id())) as port:
                with pytest.raises(ssl.SSLError):
                    await ask(port, client(web.source))

    run(scenario())


@each_loop
@pytest.mark.parametrize("fault", ["wrong id", "forged", "none"])
def test_a_client_that_is_not_admitted_gets_nothing(tmp_path: Path, run: Run, fault: str) -> None:
    async def scenario() -> None:
        stranger = FORGED if fault == "forged" else CA
        async with workloads(tmp_path, (CA, "/payment"), (stranger, "/other")) as (payment, other):
            admitted = authorize.one_of("spiffe://example.org/web")
            async with echo(server_context(payment.source, admitted)) as port:
                context: ssl.SSLContext = client(other.source, authorize.any_id())
                if fault != "wrong id":  # such a client does not look at the server either
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                if fault == "forged":
                    chain, key = FORGED.leaf("/web").write(tmp_path, "forged")
                    context.load_cert_chain(chain, key)
                with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
                    if not await ask(port, context):
                        raise EOFError

    run(scenario())


@each_loop
def test_a_rotation_holds_from_the_next_handshake(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/payment"), (CA, "/web")) as (payment, web):
            server, asking = server_context(payment.source, authorize.any_id()), client(web.source)
            async with echo(server) as port:
                await ask(port, asking)
                before = server.generation
                changed = asyncio.ensure_future(payment.source.wait_changed())
                await asyncio.sleep(0)
                payment.api.serve(FORGED, "/payment")  # a new authority that the client does not trust yet
                await changed
                assert server.generation == before + 1
                with pytest.raises(ssl.SSLError):
                    await ask(port, asking)
                changed = asyncio.ensure_future(web.source.wait_changed())
                await asyncio.sleep(0)
                web.api.serve(FORGED, "/web")
                await changed
                assert await ask(port, asking) == "spiffe://example.org/web"

    run(scenario())


@each_loop
def test_the_own_domains_roots_stand_first(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/web")) as (web,):
            changed = asyncio.ensure_future(web.source.wait_changed())
            await asyncio.sleep(0)
            web.api.serve(CA, "/web", federated=[TestCa("a.test"), TestCa("z.test")])
            await changed
            assert list(client(web.source).material.bundles) == ["example.org", "a.test", "z.test"]

    run(scenario())


@each_loop
def test_trust_follows_also_when_the_hint_of_the_identity_shown_went_away(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            served.serve(CA, "/web", hints=["internal"])
            async with X509Source(api, hint="internal") as source:
                context = client_context(source, authorize.any_id())
                shown = context.material.chain
                changed = asyncio.ensure_future(source.wait_changed())
                await asyncio.sleep(0)
                served.serve(FORGED, "/web", hints=["other"])
                await asyncio.wait_for(changed, 5)
                assert context.material.bundles == {"example.org": (FORGED.der,)}
                assert context.material.chain == shown

    run(scenario())


@each_loop
def test_a_context_that_nobody_holds_is_not_kept_by_its_source(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/web")) as (web,):
            living = weakref.ref(client(web.source))
            gc.collect()
            assert living() is None
            changed = asyncio.ensure_future(web.source.wait_changed())
            await asyncio.sleep(0)
            web.api.serve(CA, "/web")
            await asyncio.wait_for(changed, 5)

    run(scenario())
