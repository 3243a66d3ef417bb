from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from finial.client.workload import WorkloadApi
from finial.client.x509_source import X509Source
from finial.errors import InvalidArgument, NotFound, PermissionDenied, Unavailable
from finial.testing.ca import TestCa
from finial.testing.clock import VirtualClock
from finial.testing.workload import WorkloadApiServer
from finial.wire.pb.spiffe.workload.workload_pb2 import X509SVID, X509SVIDResponse

CA = TestCa()


def test_waits_for_the_first_identity_and_follows_changes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            served.serve(CA, "/web")
            async with X509Source(api) as source:
                first = source.identity
                seen: list[str] = []
                end = source.subscribe(lambda context: seen.append(context.default.id.path))
                changed = asyncio.ensure_future(source.wait_changed())
                await asyncio.sleep(0)
                served.serve(CA, "/web")
                await changed
                assert source.identity.svid.chain != first.svid.chain
                end()
                changed = asyncio.ensure_future(source.wait_changed())
                await asyncio.sleep(0)
                served.serve(CA, "/else")
                await changed
                assert seen == ["/web"]
                assert source.id.path == "/else"

    asyncio.run(scenario())


def test_no_identity_yet_is_asked_for_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            source = X509Source(api, timeout=None, clock=clock)
            opening = asyncio.ensure_future(source.open())
            await clock.wait_for_sleepers(1)
            served.serve(CA, "/web")
            await clock.advance(1)
            await opening
            assert source.id.path == "/web"
            await source.close()

    asyncio.run(scenario())


def test_a_broken_stream_is_opened_again_and_what_was_there_stays(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        path = tmp_path / "api.sock"
        async with WorkloadApi(f"unix://{path}") as api:
            async with WorkloadApiServer(path) as served:
                served.serve(CA, "/web")
                source = await X509Source(api, clock=clock).open()
            await clock.wait_for_sleepers(1)
            assert source.id.path == "/web"
            path.unlink(missing_ok=True)
            async with WorkloadApiServer(path) as again:
                again.serve(CA, "/again")
                changed = asyncio.ensure_future(source.wait_changed())
                await clock.advance(1)
                await changed
                assert source.id.path == "/again"
                await source.close()

    asyncio.run(scenario())


def test_time_over_names_the_last_reason(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            with pytest.raises(Unavailable, match=r"no identity within 0\.1 s: no identity issued") as late:
                await X509Source(api, timeout=0.1).open()
            assert isinstance(late.value.__cause__, PermissionDenied)

    asyncio.run(scenario())


def test_what_the_agent_calls_invalid_ends_the_source(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            served.answer(InvalidArgument("security header missing from request"))
            with pytest.raises(InvalidArgument, match="security header"):
                await X509Source(api).open()

    asyncio.run(scenario())


def test_a_hint_chooses_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            served.serve(CA, "/web", "/api", hints=["", "internal"])
            async with X509Source(api, hint="internal") as source:
                assert source.id.path == "/api"
            with pytest.raises(NotFound, match='no identity has the hint "other"'):
                await X509Source(api, hint="other").open()

    asyncio.run(scenario())


def test_before_the_first_answer_there_is_nothing() -> None:
    source = X509Source(WorkloadApi("unix:///absent"))
    with pytest.raises(Unavailable, match="no identity was received yet"):
        _ = source.identity


def test_a_subscriber_that_fails_is_reported_and_keeps_nothing_from_the_others(tmp_path: Path) -> None:
    async def scenario() -> None:
        reported: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, told: reported.append(told["exception"]))
        failure = RuntimeError("subscriber")
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            served.serve(CA, "/web")
            async with X509Source(api) as source:
                seen: list[str] = []

                def fail(_: object) -> None:
                    raise failure

                source.subscribe(fail)
                source.subscribe(lambda context: seen.append(context.default.id.path))
                for path in ("/one", "/two"):
                    changed = asyncio.ensure_future(source.wait_changed())
                    await asyncio.sleep(0)
                    served.serve(CA, path)
                    await asyncio.wait_for(changed, 5)
                assert seen == ["/one", "/two"]
                assert reported == [failure, failure]

    asyncio.run(scenario())


def test_an_answer_that_cannot_be_read_does_not_end_the_source(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            served.serve(CA, "/web")
            async with X509Source(api, clock=clock) as source:
                served.answer(X509SVIDResponse(svids=[X509SVID(spiffe_id="nonsense")]))
                await clock.wait_for_sleepers(1)
                assert source.id.path == "/web"
                changed = asyncio.ensure_future(source.wait_changed())
                served.serve(CA, "/later")
                await clock.advance(1)
                await asyncio.wait_for(changed, 5)
                assert source.id.path == "/later"

    asyncio.run(scenario())


def test_a_source_whose_opening_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as served, WorkloadApi(served.address) as api:
            before = asyncio.all_tasks()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await X509Source(api, timeout=None, clock=VirtualClock()).open()
            assert {one.get_name() for one in asyncio.all_tasks() - before}.isdisjoint({"x509 source"})

    asyncio.run(scenario())
