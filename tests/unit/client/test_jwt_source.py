from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from finial.client.jwt_source import JwtSource, half_life
from finial.client.workload import WorkloadApi
from finial.errors import FinialError, PermissionDenied, Unavailable
from finial.svid.jwt import parse_unverified
from finial.testing.ca import TestCa
from finial.testing.clock import VirtualClock
from finial.testing.jwt import LIFETIME, TestJwtKey
from finial.testing.workload import WorkloadApiServer
from finial.wire.pb.spiffe.workload.workload_pb2 import JWTBundlesResponse

CA = TestCa()


def test_a_token_is_kept_until_half_of_its_life_is_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            served.serve(CA, "/web")
            clock = VirtualClock()
            async with JwtSource(api, clock=clock) as source:
                first = await source.token(["b", "a"])
                clock.step(first.expires_at - LIFETIME / 2 - 1 - clock.unix())
                assert await source.token(["a", "b"]) is first
                clock.step(2)
                assert await source.token(["a", "b"]) is not first
                assert served.jwt_calls == 2

    asyncio.run(scenario())


def test_callers_at_the_same_time_share_a_fetch(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            served.serve(CA, "/web")
            async with JwtSource(api) as source:
                tokens = await asyncio.gather(*(source.token("a") for _ in range(10)))
                assert len({one.token for one in tokens}) == 1
                assert served.jwt_calls == 1
                await asyncio.gather(source.token("b"), source.token("c"))
                assert served.jwt_calls == 3

    asyncio.run(scenario())


def test_a_caller_that_gives_up_does_not_take_the_others_along(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            served.serve(CA, "/web")
            async with JwtSource(api) as source:
                gone, stays = (asyncio.ensure_future(source.token("a")) for _ in range(2))
                await asyncio.sleep(0)
                gone.cancel()
                assert (await stays).id.path == "/web"

    asyncio.run(scenario())


def test_verifies_against_the_keys_of_the_tokens_own_domain(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            served.serve(CA, "/web")
            async with JwtSource(api) as source:
                token = (await source.token("api")).token
                assert source.verify(token, "api").id.path == "/web"
                with pytest.raises(FinialError, match="audience"):
                    source.verify(token, "else")
                now = parse_unverified(token).issued_at
                assert now is not None
                forged = TestJwtKey(served.jwt_key.key_id).sign("spiffe://example.org/web", ["api"], now)
                with pytest.raises(FinialError, match="signature"):
                    source.verify(forged, "api")
                foreign = served.jwt_key.sign("spiffe://other.test/web", ["api"], now)
                with pytest.raises(FinialError, match=r"other\.test"):
                    source.verify(foreign, "api")

    asyncio.run(scenario())


def test_without_an_identity_opening_names_the_reason(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            with pytest.raises(Unavailable, match="no identity issued"):
                await JwtSource(api, timeout=0.05).open()

    asyncio.run(scenario())


def test_a_token_without_the_time_of_issue_counts_as_half_over() -> None:
    svid = parse_unverified(TestJwtKey().sign("spiffe://example.org/web", ["a"], 1000))
    assert half_life(svid) == 1000 + LIFETIME / 2


def test_bundles_that_cannot_be_read_do_not_end_the_source(tmp_path: Path) -> None:
    class Api(WorkloadApi):
        async def jwt_bundle_messages(self) -> AsyncGenerator[JWTBundlesResponse, None]:
            yield JWTBundlesResponse(bundles={"nonsense://": b"{"} if not clock.monotonic() else {})

    clock = VirtualClock()

    async def scenario() -> None:
        opening = asyncio.ensure_future(JwtSource(Api("unix:///absent"), timeout=None, clock=clock).open())
        await clock.wait_for_sleepers(1)
        await clock.advance(1)
        source = await asyncio.wait_for(opening, 5)
        assert len(source.bundles) == 0
        await source.close()

    asyncio.run(scenario())


def test_a_source_whose_opening_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            before = asyncio.all_tasks()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await JwtSource(api, timeout=None, clock=VirtualClock()).open()
            assert {one.get_name() for one in asyncio.all_tasks() - before}.isdisjoint({"jwt source"})

    asyncio.run(scenario())


def test_a_refusal_that_its_caller_heard_is_not_told_again_at_the_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            served.serve(CA, "/web")
            async with JwtSource(api) as source:
                served.answer(PermissionDenied("no identity issued"))
                with pytest.raises(PermissionDenied):
                    await source.token("a")

    asyncio.run(scenario())
