from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spiffe

from finial.client import pyspiffe
from finial.client.pyspiffe import JwtSource, TrustDomain, WorkloadApiClient, X509Source
from finial.client.pyspiffe.errors import ArgumentError, JwtSourceError, X509SourceError
from finial.testing.ca import TestCa
from finial.testing.workload import WorkloadApiServer

CA = TestCa()
DOMAIN = TrustDomain("example.org")
LIBRARIES: list[Any] = [spiffe, pyspiffe]


def beside_an_agent(folder: Path, program: Callable[[str, Callable[[], None]], None]) -> None:
    """Runs `program(address, rotate)` in a thread."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with WorkloadApiServer(folder / "api.sock") as served:
            served.serve(CA, "/web", "/api")

            def rotate() -> None:
                loop.call_soon_threadsafe(served.serve, CA, "/web", "/api")

            await asyncio.to_thread(program, served.address, rotate)

    asyncio.run(scenario())


def test_both_libraries_follow_the_same_agent(tmp_path: Path) -> None:
    def program(address: str, rotate: Callable[[], None]) -> None:
        sources = [library.X509Source(socket_path=address, timeout_in_seconds=5) for library in LIBRARIES]
        news = [threading.Event() for _ in sources]
        for source, one in zip(sources, news, strict=True):
            source.subscribe_for_updates(one.set)
        first = [source.get_x509_context().default_svid.leaf for source in sources]
        rotate()
        assert all(one.wait(5) for one in news)
        second = [source.get_x509_context().default_svid.leaf for source in sources]
        assert first[0] == first[1] != second[0] == second[1]
        for source in sources:
            assert not source.is_closed()
            source.close()
            assert source.is_closed()

    beside_an_agent(tmp_path, program)


def test_an_x509_source_answers_until_it_is_closed(tmp_path: Path) -> None:
    def program(address: str, rotate: Callable[[], None]) -> None:
        picked = X509Source(socket_path=address, svid_picker=lambda svids: svids[1])
        with picked as source:
            assert source.get_x509_context().default_svid.spiffe_id == "spiffe://example.org/api"
            assert source.get_bundle_for_trust_domain(DOMAIN) is not None
            with pytest.warns(DeprecationWarning, match="get_x509_context"):
                assert source.svid.spiffe_id.path == "/api"
            with pytest.warns(DeprecationWarning, match="get_x509_context"):
                assert len(source.bundles) == 1
        with pytest.raises(X509SourceError, match="source is closed"):
            source.get_x509_context()

    beside_an_agent(tmp_path, program)


def test_a_given_client_stays_open(tmp_path: Path) -> None:
    def program(address: str, rotate: Callable[[], None]) -> None:
        with WorkloadApiClient(address) as client:
            X509Source(client).close()
            JwtSource(client).close()
            assert client.fetch_x509_svid().spiffe_id.path == "/web"

    beside_an_agent(tmp_path, program)


def test_a_picker_that_fails_ends_the_source(tmp_path: Path) -> None:
    def program(address: str, rotate: Callable[[], None]) -> None:
        with pytest.raises(X509SourceError, match="list index out of range"):
            X509Source(socket_path=address, svid_picker=lambda svids: svids[7])

    beside_an_agent(tmp_path, program)


def test_a_subscriber_that_fails_harms_nobody(tmp_path: Path) -> None:
    def fail() -> None:
        raise ValueError("the subscriber's own")

    def program(address: str, rotate: Callable[[], None]) -> None:
        heard = threading.Event()
        with X509Source(socket_path=address) as source:
            source.subscribe_for_updates(fail)
            source.subscribe_for_updates(heard.set)
            rotate()
            assert heard.wait(5)
            source.unsubscribe_for_updates(fail)
            source.unsubscribe_for_updates(fail)
            assert source.get_x509_context() is not None

    beside_an_agent(tmp_path, program)


def test_a_jwt_source_answers_until_it_is_closed(tmp_path: Path) -> None:
    def program(address: str, rotate: Callable[[], None]) -> None:
        with JwtSource(socket_path=address, timeout_in_seconds=5) as source:
            assert [one.trust_domain for one in source.bundles] == [DOMAIN]
            assert source.fetch_svid({"one"}).audience == {"one"}
            assert len(source.fetch_svids({"one"})) == 2
            with pytest.raises(ArgumentError, match="Audience cannot be empty"):
                source.fetch_svid(set())
        with pytest.raises(JwtSourceError, match="source is closed"):
            source.get_bundle_for_trust_domain(DOMAIN)

    beside_an_agent(tmp_path, program)


def test_waiting_for_the_first_update_has_an_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served:  # it issues nothing

            def program() -> None:
                with pytest.raises(X509SourceError, match="Timeout waiting for the first update"):
                    X509Source(socket_path=served.address, timeout_in_seconds=0.02)

            await asyncio.to_thread(program)

    asyncio.run(scenario())
