from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from finial.client.workload import WorkloadApi
from finial.errors import InvalidArgument, PermissionDenied, Unavailable
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa
from finial.testing.workload import WorkloadApiServer

CA, OTHER = TestCa(), TestCa("other.test")
DOMAIN = TrustDomain("example.org")


def test_fetches_identities_and_bundles_with_the_security_header(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            served.serve(CA, "/web", "/api", hints=["", "internal"], federated=[OTHER])
            context = await api.fetch_x509()
            assert [one.id.path for one in context.identities] == ["/web", "/api"]
            assert [one.hint for one in context.identities] == ["", "internal"]
            assert len(context.bundles) == 2
            assert served.headers_seen == ["true"]

    asyncio.run(scenario())


def test_a_stream_gives_each_change(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            served.serve(CA, "/web")
            async with aclosing(api.watch_x509()) as contexts:
                first = await anext(contexts)
                served.serve(CA, "/web")
                second = await anext(contexts)
            assert first.default.id == second.default.id
            assert first.default.svid.chain != second.default.svid.chain

    asyncio.run(scenario())


def test_an_error_keeps_its_kind_and_text(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            with pytest.raises(PermissionDenied, match="no identity issued"):
                await api.fetch_x509()
            served.answer(InvalidArgument("security header missing from request"))
            with pytest.raises(InvalidArgument, match="security header missing"):
                await api.fetch_x509()

    asyncio.run(scenario())


def test_an_absent_socket_is_unavailable(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApi(f"unix://{tmp_path}/absent.sock") as api:
            with pytest.raises(Unavailable, match="no such file or directory"):
                await api.fetch_x509()

    asyncio.run(scenario())


def test_bundles_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            served.serve(CA, "/web", federated=[OTHER])
            async with aclosing(api.watch_x509_bundles()) as answers:
                found = await anext(answers)
            bundle = found.get(DOMAIN)
            assert bundle is not None
            assert bundle.x509_roots == (CA.der,)

    asyncio.run(scenario())


def test_tokens_and_the_keys_that_verify_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            served.serve(CA, "/web", "/api")
            tokens = await api.fetch_jwt(["a", "b"])
            assert [one.id.path for one in tokens] == ["/web", "/api"]
            assert tokens[0].audience == ("a", "b")
            only = await api.fetch_jwt("a", "spiffe://example.org/api")
            assert [one.id.path for one in only] == ["/api"]
            bundles = await api.fetch_jwt_bundles()
            bundle = bundles.get(DOMAIN)
            assert bundle is not None
            assert bundle.jwt_authority(served.jwt_key.key_id) is not None
            assert (await api.validate_jwt(only[0].token, "a")).id.path == "/api"

    asyncio.run(scenario())


def test_the_environment_names_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIFFE_ENDPOINT_SOCKET", "unix:///run/agent.sock")
    assert WorkloadApi().endpoint.path == "/run/agent.sock"
    monkeypatch.delenv("SPIFFE_ENDPOINT_SOCKET")
    with pytest.raises(InvalidArgument, match="is not set"):
        WorkloadApi()
