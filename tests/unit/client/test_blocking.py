from __future__ import annotations

import asyncio
import http.client
import ssl
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from finial.client import authorize, blocking
from finial.errors import Unavailable
from finial.spiffe.bundle import Bundle
from finial.testing.asgi import serving
from finial.testing.ca import TestCa
from finial.testing.workload import Workload, WorkloadApiServer, workloads

T = TypeVar("T")
PAYMENT = "spiffe://example.org/payment"
CA = TestCa()


def beside_a_server(folder: Path, server: str, program: Callable[[str, Workload], T]) -> T:
    """What `program(url, client workload)` answers in a thread, while `server`'s workload serves."""

    async def scenario() -> T:
        async with workloads(folder, (CA, server), (CA, "/web")) as (serves, web):
            async with serving(serves.source) as url:
                return await asyncio.to_thread(program, url, web)

    return asyncio.run(scenario())


def threads_named(name: str) -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == name]


def test_urllib_httpx_and_http_client_call_by_id(tmp_path: Path) -> None:
    def program(url: str, web: Workload) -> list[str]:
        with blocking.X509Source(web.api.address) as source:
            assert str(source.id) == "spiffe://example.org/web"
            assert source.identity in source.context.identities
            context = source.client_context(authorize.one_of(PAYMENT))
            with urllib.request.urlopen(url, context=context) as answer:
                answers = [answer.read().decode()]
            with httpx.Client(verify=context, trust_env=False) as client:
                answers.append(client.get(url).text)
            connection = http.client.HTTPSConnection(httpx.URL(url).netloc.decode(), context=context)
            connection.request("GET", "/")
            answers.append(connection.getresponse().read().decode())
            connection.close()
            return answers

    assert beside_a_server(tmp_path, "/payment", program) == ["you are spiffe://example.org/web"] * 3
    assert not threads_named("x509 source")


def test_an_impostor_is_refused_with_the_reason(tmp_path: Path) -> None:
    def program(url: str, web: Workload) -> None:
        with blocking.X509Source(web.api.address) as source:
            context = source.client_context(authorize.one_of(PAYMENT))
            with pytest.raises(OSError, match='unexpected ID "spiffe://example.org/impostor"'):
                urllib.request.urlopen(url, context=context)

    beside_a_server(tmp_path, "/impostor", program)


def test_contexts_follow_and_subscribers_hear(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served:
            served.serve(CA, "/web")
            source = await asyncio.to_thread(blocking.X509Source, served.address)
            context = source.server_context(authorize.any_id())
            changed = threading.Event()
            unsubscribe = source.subscribe(lambda _: changed.set())
            before = source.identity
            served.serve(CA, "/web")
            assert await asyncio.to_thread(changed.wait, 5)
            assert source.identity.svid.serial_number != before.svid.serial_number
            assert context.generation == 1
            unsubscribe()
            await asyncio.to_thread(source.close)
            await asyncio.to_thread(source.close)
            assert source.bundles.get(source.id.trust_domain) is not None

    asyncio.run(scenario())


def test_a_source_without_an_agent_leaves_no_thread(tmp_path: Path) -> None:
    address = f"unix://{tmp_path}/nobody.sock"
    with pytest.raises(Unavailable, match=r"x509 source: no identity within 0\.05 s"):
        blocking.X509Source(address, timeout=0.05)
    with pytest.raises(Unavailable, match=r"jwt source: no bundles within 0\.05 s"):
        blocking.JwtSource(address, timeout=0.05)
    assert not threads_named("x509 source") + threads_named("jwt source")


def test_tokens_are_fetched_and_verified(tmp_path: Path) -> None:
    def program(address: str) -> None:
        with blocking.JwtSource(address) as source:
            token = source.token("reports")
            assert str(source.verify(token.token, "reports").id) == "spiffe://example.org/web"
            assert isinstance(source.bundles.get(token.id.trust_domain), Bundle)
        source.close()

    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served:
            served.serve(CA, "/web")
            await asyncio.to_thread(program, served.address)

    asyncio.run(scenario())


def test_a_context_is_an_ssl_context(tmp_path: Path) -> None:
    def program(url: str, web: Workload) -> bool:
        with blocking.X509Source(web.api.address) as source:
            return isinstance(source.client_context(authorize.any_id()), ssl.SSLContext)

    assert beside_a_server(tmp_path, "/payment", program)
