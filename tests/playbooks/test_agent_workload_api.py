"""The Workload API as a workload meets it: the codes and words of a stock agent, `grpc/agent-workload`."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from grpclib.client import UnaryStreamMethod
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from multidict import MultiDict

from finial.agent import sign
from finial.errors import Unavailable
from finial.plugin.kinds import WorkloadProcess
from finial.registry.entry import Entry
from finial.runtime.grpc import Channel
from finial.spiffe.bundle import Bundle, JwtAuthority, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import x509
from finial.testing.agent import RunningAgent
from finial.testing.ca import TestCa
from finial.testing.clock import SetBack
from finial.testing.jwt import TestJwtKey
from finial.testing.scripted_server import ScriptedServer
from finial.wire.pb.grpc.health.v1 import health_pb2
from finial.wire.pb.grpc.health.v1.health_grpc import HealthStub
from finial.wire.pb.spiffe.workload import workload_pb2 as pb
from finial.wire.pb.spiffe.workload.workload_grpc import SpiffeWorkloadAPIStub

HEADER = {"workload.spiffe.io": "true"}
PARENT = SpiffeId.parse("spiffe://example.org/spire/agent/join_token/token-0")
OWN = Selector("unix", f"uid:{os.geteuid()}")
OTHER = TrustDomain("other.test")

Metadata = Mapping[str, str] | Sequence[tuple[str, str]] | None
Scenario = Callable[[SpiffeWorkloadAPIStub, ScriptedServer, RunningAgent], Awaitable[None]]


def entry(name: str, *selectors: Selector, **more: Any) -> Entry:
    return Entry(name, SpiffeId.parse(f"spiffe://example.org/{name}"), PARENT, selectors or (OWN,), **more)


ENTRIES = (
    entry("a-root"),
    entry("b-root", hint="internal", federates_with=(OTHER,), created_at=1),
    entry("c-root", hint="internal", created_at=2),
    entry("nobody", Selector("unix", "uid:4294967294")),
)


def played(directory: Path, scenario: Scenario, *entries: Entry, **more: Any) -> None:
    """With these entries, or none that applies to this process."""

    async def run() -> None:
        async with ScriptedServer() as server:
            server.entries = {one.id: one for one in entries}
            other = TestCa("other.test")
            server.federated = {OTHER: Bundle(OTHER, (X509Authority(other.der),))}
            agent = RunningAgent(directory, server.address, server.bundle, server.new_token(), **more)
            async with agent:
                await agent.serving()
                async with Channel(path=str(agent.socket)) as channel:
                    await scenario(SpiffeWorkloadAPIStub(channel), server, agent)

    asyncio.run(run())


async def first(method: Any, request: Any, metadata: Metadata = HEADER) -> Any:
    async with method.open(timeout=5, metadata=metadata) as stream:
        await stream.send_message(request, end=True)
        answer = await stream.recv_message()
        if answer is not None and isinstance(method, UnaryStreamMethod):
            await stream.cancel()
        else:
            await stream.recv_trailing_metadata()
        return answer


async def refused(method: Any, request: Any, metadata: Metadata = HEADER) -> tuple[Status, str | None]:
    with pytest.raises(GRPCError) as caught:
        await first(method, request, metadata)
    return caught.value.status, caught.value.message


async def received(stream: Any) -> int:
    """How many SVIDs the next message holds."""
    message = await stream.recv_message()
    return len(message.svids)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"workload.spiffe.io": "false"},
        {"workload.spiffe.io": "TRUE"},
        {"broker.spiffe.io": "true"},
        MultiDict([("workload.spiffe.io", "true"), ("workload.spiffe.io", "true")]),
    ],
    ids=["absent", "false", "upper case", "another", "twice"],
)
def test_without_the_security_header_nothing_is_answered(tmp_path: Path, metadata: Metadata) -> None:
    async def scenario(api: SpiffeWorkloadAPIStub, server: ScriptedServer, agent: RunningAgent) -> None:
        wanted = (Status.INVALID_ARGUMENT, "security header missing from request")
        for method, request in (
            (api.FetchX509SVID, pb.X509SVIDRequest()),
            (api.FetchX509Bundles, pb.X509BundlesRequest()),
            (api.FetchJWTSVID, pb.JWTSVIDRequest(audience=["a"])),
            (api.FetchJWTBundles, pb.JWTBundlesRequest()),
            (api.ValidateJWTSVID, pb.ValidateJWTSVIDRequest(audience="a", svid="b")),
            (api.FetchWITSVID, pb.WITSVIDRequest()),
            (api.FetchWITBundles, pb.WITBundlesRequest()),
        ):
            assert await refused(method, request, metadata) == wanted

    played(tmp_path, scenario, *ENTRIES)


def test_x509_svids_are_sorted_by_entry_and_hints_are_unique(tmp_path: Path) -> None:
    async def scenario(api: SpiffeWorkloadAPIStub, server: ScriptedServer, agent: RunningAgent) -> None:
        answer = await first(api.FetchX509SVID, pb.X509SVIDRequest())
        assert [(one.spiffe_id, one.hint) for one in answer.svids] == [
            ("spiffe://example.org/a-root", ""),
            ("spiffe://example.org/b-root", "internal"),
        ]
        assert {one.bundle for one in answer.svids} == {server.ca.der}
        assert list(answer.federated_bundles) == ["spiffe://other.test"]
        bundles = await first(api.FetchX509Bundles, pb.X509BundlesRequest())
        assert sorted(bundles.bundles) == ["spiffe://example.org", "spiffe://other.test"]

    played(tmp_path, scenario, *ENTRIES)


def test_a_caller_that_no_entry_is_for_gets_nothing(tmp_path: Path) -> None:
    async def scenario(api: SpiffeWorkloadAPIStub, server: ScriptedServer, agent: RunningAgent) -> None:
        wanted = (Status.PERMISSION_DENIED, "no identity issued")
        assert await refused(api.FetchX509SVID, pb.X509SVIDRequest()) == wanted
        assert await refused(api.FetchX509Bundles, pb.X509BundlesRequest()) == wanted
        assert await refused(api.FetchJWTBundles, pb.JWTBundlesRequest()) == wanted
        assert await refused(api.FetchJWTSVID, pb.JWTSVIDRequest(audience=["a"])) == wanted

    played(tmp_path, scenario, ENTRIES[-1])


def test_verifiers_without_an_identity_get_the_own_bundle_where_allowed(tmp_path: Path) -> None:
    from finial.agent.workload_api import WorkloadApiOptions

    async def scenario(api: SpiffeWorkloadAPIStub, server: ScriptedServer, agent: RunningAgent) -> None:
        wanted = (Status.PERMISSION_DENIED, "no identity issued")
        assert await refused(api.FetchX509SVID, pb.X509SVIDRequest()) == wanted
        bundles = await first(api.FetchX509Bundles, pb.X509BundlesRequest())
        assert dict(bundles.bundles) == {"spiffe://example.org": server.ca.der}
        jwks = await first(api.FetchJWTBundles, pb.JWTBundlesRequest())
        assert list(jwks.bundles) == ["spiffe://example.org"]

    options = {"workload_api": WorkloadApiOptions(allow_unauthenticated_verifiers=True)}
    played(tmp_path, scenario, ENTRIES[-1], settings=options)


def test_jwt_svids_of_every_identity_or_of_one(tmp_path: Path) -> None:
    async def scenario(api: SpiffeWorkloadAPIStub, server: ScriptedServer, agent: RunningAgent) -> None:
        answer = await first(api.FetchJWTSVID, pb.JWTSVIDRequest(audience=["a"]))
        assert [(one.spiffe_id, one.hint) for one in answer.svids] == [
            ("spiffe://example.org/a-root", ""),
            ("spiffe://example.org/b-root", "internal"),
        ]
        one = pb.JWTSVIDRequest(audience=["a"], spiffe_id="spiffe://example.org/b-root")
        assert len((await first(api.FetchJWTSVID, one)).svids) == 1
        assert server.calls["NewJWTSVID"] == 2  # the second answer came from the cache

    played(tmp_path, scenario, *ENTRIES)


def test_bad_requests_are_told_in_the_words_of_a_stock_agent(tmp_path: Path) -> None:
    async def scenario(api: SpiffeWorkloadAPIStub, server: ScriptedServer, agent: RunningAgent) -> None:
        invalid = Status.INVALID_ARGUMENT
        assert await refused(api.FetchJWTSVID, pb.JWTSVIDRequest()) == (
            invalid,
            "audience must be specified",
        )
        request = pb.JWTSVIDRequest(audience=["a"], spiffe_id="nope")
        assert await refused(api.FetchJWTSVID, request) == (
            invalid,
            "invalid requested SPIFFE ID: scheme is missing or invalid",
        )
        request = pb.JWTSVIDRequest(audience=["a"], spiffe_id="spiffe://example.org/nobody")
        assert await refused(api.FetchJWTSVID, request) == (Status.PERMISSION_DENIED, "no identity issued")
        assert await refused(api.ValidateJWTSVID, pb.ValidateJWTSVIDRequest(svid="x")) == (
            invalid,
            "audience must be specified",
        )
        assert await refused(api.ValidateJWTSVID, pb.ValidateJWTSVIDRequest(audience="a")) == (
            invalid,
            "svid must be specified",
        )
        assert await refused(api.FetchWITSVID, pb.WITSVIDRequest()) == (
            Status.UNIMPLEMENTED,
            "fetching WIT-SVIDs is not implemented",
        )
        assert await refused(api.FetchWITBundles, pb.WITBundlesRequest()) == (
            Status.UNIMPLEMENTED,
            "fetching WIT bundles is not implemented",
        )

    played(tmp_path, scenario, *ENTRIES)


def test_while_the_server_is_away_only_what_is_cached_is_given(tmp_path: Path) -> None:
    async def scenario(api: SpiffeWorkloadAPIStub, server: ScriptedServer, agent: RunningAgent) -> None:
        await first(api.FetchJWTSVID, pb.JWTSVIDRequest(audience=["a"]))
        await server.__aexit__(None, None, None)
        assert await first(api.FetchJWTSVID, pb.JWTSVIDRequest(audience=["a"]))
        assert await first(api.FetchX509SVID, pb.X509SVIDRequest())
        status, text = await refused(api.FetchJWTSVID, pb.JWTSVIDRequest(audience=["new"]))
        assert status is Status.UNAVAILABLE
        assert (text or "").startswith(
            "could not fetch JWT-SVID: failed to fetch JWT SVID: rpc error: code = Unavailable desc = "
        )

    played(tmp_path, scenario, ENTRIES[0])


LONG, SHORT = entry("a-long", x509_svid_ttl=1800), entry("b-short", x509_svid_ttl=60)
ALONE = entry("alone", x509_svid_ttl=60)


def over_a_sleep(
    directory: Path,
    scenario: Callable[[SpiffeWorkloadAPIStub, ScriptedServer, SetBack], Awaitable[None]],
    *entries: Entry,
) -> None:
    """Server and agent have one clock, which may be set ahead."""

    async def run() -> None:
        clock = SetBack()
        async with ScriptedServer(clock=clock) as server:
            server.entries = {one.id: one for one in entries}
            token = server.new_token()
            async with RunningAgent(directory, server.address, server.bundle, token, clock=clock) as agent:
                await agent.serving()
                async with Channel(path=str(agent.socket)) as channel:
                    await scenario(SpiffeWorkloadAPIStub(channel), server, clock)

    asyncio.run(run())


async def away() -> None:
    raise Unavailable("gone fishing")


def test_who_asks_anew_is_told_that_its_svid_has_expired_and_why_and_open_streams_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign, "RETRY_MIN", 0.01)

    async def scenario(stub: SpiffeWorkloadAPIStub, server: ScriptedServer, clock: SetBack) -> None:
        async with stub.FetchX509SVID.open(timeout=10, metadata=HEADER) as stream:
            await stream.send_message(pb.X509SVIDRequest(), end=True)
            assert await received(stream) == 1
            server.before["BatchNewX509SVID"] = away
            clock.behind = -120
            for _ in range(2):
                status, told = await refused(stub.FetchX509SVID, pb.X509SVIDRequest())
                assert status is Status.UNAVAILABLE
                assert re.fullmatch(
                    r"X\.509-SVID expired at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ and could not be renewed: "
                    "rpc error: code = Unavailable desc = gone fishing",
                    told or "",
                )
            assert await first(stub.FetchX509Bundles, pb.X509BundlesRequest())
            server.before.clear()
            assert await received(stream) == 1
            assert (await first(stub.FetchX509SVID, pb.X509SVIDRequest())).svids
            await stream.cancel()

    over_a_sleep(tmp_path, scenario, ALONE)


def test_after_a_sleep_a_call_is_answered_with_what_is_renewed_for_it(tmp_path: Path) -> None:
    async def scenario(stub: SpiffeWorkloadAPIStub, server: ScriptedServer, clock: SetBack) -> None:
        await first(stub.FetchX509SVID, pb.X509SVIDRequest())
        clock.behind = -120
        (svid,) = (await first(stub.FetchX509SVID, pb.X509SVIDRequest())).svids
        assert x509.parse(x509.split_der(svid.x509_svid)).not_after > clock.now()

    over_a_sleep(tmp_path, scenario, ALONE)


def test_while_one_svid_is_valid_all_are_handed_out_since_the_first_is_the_default(tmp_path: Path) -> None:
    async def scenario(stub: SpiffeWorkloadAPIStub, server: ScriptedServer, clock: SetBack) -> None:
        assert len((await first(stub.FetchX509SVID, pb.X509SVIDRequest())).svids) == 2
        server.before["BatchNewX509SVID"] = away
        clock.behind = -120
        assert len((await first(stub.FetchX509SVID, pb.X509SVIDRequest())).svids) == 2

    over_a_sleep(tmp_path, scenario, LONG, SHORT)


def test_tokens_are_validated_and_foreign_claims_held_back(tmp_path: Path) -> None:
    foreign = TestJwtKey("foreign")

    async def scenario(api: SpiffeWorkloadAPIStub, server: ScriptedServer, agent: RunningAgent) -> None:
        now = agent.clock.unix()
        own = server.jwt_key.sign("spiffe://example.org/any", ["a", "b"], now, team="blue")
        answer = await first(api.ValidateJWTSVID, pb.ValidateJWTSVIDRequest(audience="a", svid=own))
        assert answer.spiffe_id == "spiffe://example.org/any"
        assert list(answer.claims["aud"]) == ["a", "b"]
        assert answer.claims["team"] == "blue"
        wrong = await refused(api.ValidateJWTSVID, pb.ValidateJWTSVIDRequest(audience="c", svid=own))
        assert wrong == (Status.INVALID_ARGUMENT, 'expected audience in ["c"] (audience=["a" "b"])')
        token = foreign.sign("spiffe://other.test/any", ["a"], now, team="red")
        answer = await first(api.ValidateJWTSVID, pb.ValidateJWTSVIDRequest(audience="a", svid=token))
        assert sorted(answer.claims.fields) == ["aud", "exp", "sub"]
        unknown = TestJwtKey("x").sign("spiffe://nobody.test/any", ["a"], now)
        status, _ = await refused(api.ValidateJWTSVID, pb.ValidateJWTSVIDRequest(audience="a", svid=unknown))
        assert status is Status.INVALID_ARGUMENT

    async def federated(api: SpiffeWorkloadAPIStub, server: ScriptedServer, agent: RunningAgent) -> None:
        keys = (JwtAuthority(foreign.key_id, foreign.public_key),)
        server.federated[OTHER] = Bundle(OTHER, jwt_authorities=keys)
        polls = server.calls["GetFederatedBundle"]
        await agent.until(lambda: server.calls["GetFederatedBundle"] > polls + 1)
        await scenario(api, server, agent)

    played(tmp_path, federated, *ENTRIES)


class Failing:
    async def attest(self, process: WorkloadProcess) -> Sequence[Selector]:
        raise RuntimeError("broken plugin")


class Telling:
    async def attest(self, process: WorkloadProcess) -> Sequence[Selector]:
        return (OWN,)


def test_an_attestor_that_fails_is_left_out_if_another_succeeds(tmp_path: Path) -> None:
    async def scenario(api: SpiffeWorkloadAPIStub, server: ScriptedServer, agent: RunningAgent) -> None:
        answer = await first(api.FetchX509SVID, pb.X509SVIDRequest())
        assert len(answer.svids) == 1
        assert 'workload attestor \\"broken\\" failed' in agent.log

    played(tmp_path, scenario, ENTRIES[0], attestors={"broken": Failing(), "telling": Telling()})


def test_when_all_attestors_fail_the_caller_hears_no_more_than_that(tmp_path: Path) -> None:
    async def scenario(api: SpiffeWorkloadAPIStub, server: ScriptedServer, agent: RunningAgent) -> None:
        wanted = (Status.UNAVAILABLE, "workload attestation failed")
        assert await refused(api.FetchX509SVID, pb.X509SVIDRequest()) == wanted
        assert await refused(api.FetchJWTSVID, pb.JWTSVIDRequest(audience=["a"])) == wanted

    played(tmp_path, scenario, ENTRIES[0], attestors={"broken": Failing()})


def test_nothing_is_sent_again_while_nothing_changes_for_this_caller(tmp_path: Path) -> None:
    async def scenario(api: SpiffeWorkloadAPIStub, server: ScriptedServer, agent: RunningAgent) -> None:
        async with api.FetchX509SVID.open(metadata=HEADER) as stream:
            await stream.send_message(pb.X509SVIDRequest(), end=True)
            assert await received(stream) == 1
            server.entries["foreign"] = entry("foreign", Selector("unix", "uid:4294967294"))
            await agent.until_logged("entry_id=foreign")
            server.entries["b"] = entry("b")
            assert await received(stream) == 2
            await stream.cancel()

    played(tmp_path, scenario, ENTRIES[0])


def test_health_is_that_of_the_workload_api(tmp_path: Path) -> None:
    async def scenario(api: SpiffeWorkloadAPIStub, server: ScriptedServer, agent: RunningAgent) -> None:
        async with Channel(path=str(agent.socket)) as channel:
            health = HealthStub(channel)
            answer = await health.Check(health_pb2.HealthCheckRequest())
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
            request = health_pb2.HealthCheckRequest(service="SpiffeWorkloadAPI")
            wanted = (Status.INVALID_ARGUMENT, "per-service health is not supported")
            assert await refused(health.Check, request, None) == wanted
            wanted = (Status.UNIMPLEMENTED, "method Watch not implemented")
            assert await refused(health.Watch, health_pb2.HealthCheckRequest(), None) == wanted

    played(tmp_path, scenario, ENTRIES[-1])


def test_the_socket_is_open_to_all_and_its_folder_is_not_writable(tmp_path: Path) -> None:
    async def scenario(api: SpiffeWorkloadAPIStub, server: ScriptedServer, agent: RunningAgent) -> None:
        assert agent.socket.stat().st_mode & 0o777 == 0o777

    played(tmp_path, scenario)
    assert not (tmp_path / "api.sock").exists()
