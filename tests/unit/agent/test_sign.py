"""SVIDs signed ahead of need, and tokens on demand."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from finial.agent import sign
from finial.errors import FinialError, NotFound, PermissionDenied, Unavailable
from finial.registry.entry import Entry
from finial.runtime.tasks import Tasks
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.testing.clock import VirtualClock
from finial.testing.scripted_server import ScriptedServer

PARENT = SpiffeId.parse("spiffe://example.org/node")


def entry(name: str, **more: Any) -> Entry:
    spiffe_id = SpiffeId.parse(f"spiffe://example.org/{name}")
    return Entry(name, spiffe_id, PARENT, (Selector("t", "1"),), **more)


def authorize(parts: Any, *entries: Entry) -> None:
    parts.server.entries = {one.id: one for one in entries}
    parts.holdings.set_entries(entries)


async def away() -> None:
    raise Unavailable("away")


def test_everything_due_is_signed_with_a_key_of_its_own(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            authorize(parts, entry("a"), entry("b"))
            await parts.signer.sign_due()
            a, b = parts.holdings.held("a"), parts.holdings.held("b")
            assert a.svid.public_key != b.svid.public_key
            assert a.key != b.key
            assert server.calls["BatchNewX509SVID"] == 1
            await parts.signer.sign_due()
            assert server.calls["BatchNewX509SVID"] == 1

    asyncio.run(scenario())


def test_an_entry_that_is_refused_does_not_stop_the_others_nor_is_asked_for_at_once_again(
    joined: Any,
) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            authorize(parts, entry("a"), entry("b"))
            del server.entries["a"]
            await parts.signer.sign_due()
            assert parts.holdings.held("a") is None
            assert parts.holdings.held("b") is not None
            await parts.signer.sign_due()
            assert server.calls["BatchNewX509SVID"] == 1
            assert "entry not found or not authorized" in parts.log

    asyncio.run(scenario())


@pytest.mark.parametrize("path", ["/a", "/b"], ids=["another key", "another ID"])
def test_an_svid_that_is_not_what_was_asked_for_is_refused(joined: Any, path: str) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            authorize(parts, entry("a"))
            leaf = server.ca.leaf(path)
            told = SpiffeId.parse(f"spiffe://example.org{path}")
            server.change_svid = lambda svid: replace(svid, id=told, chain=leaf.chain)
            await parts.signer.sign_due()
            assert parts.holdings.held("a") is None
            assert "is not what was asked for" in parts.log

    asyncio.run(scenario())


def test_a_batch_that_fails_is_halved_and_whole_again_after_a_success(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            authorize(parts, *(entry(f"e{number}") for number in range(3)))
            server.before["BatchNewX509SVID"] = away
            for _ in range(9):
                with pytest.raises(Unavailable):
                    await parts.signer.sign_due()
            server.before.clear()
            await parts.signer.sign_due()
            assert len([one for one in "012" if parts.holdings.held(f"e{one}")]) == 3
            assert server.calls["BatchNewX509SVID"] == 9 + 2  # one alone, then the rest at once

    asyncio.run(scenario())


def test_who_asks_while_much_is_signed_ahead_is_served_after_that_batch_and_alone(
    joined: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign, "AHEAD", 2)
    late = replace(entry("late"), selectors=(Selector("t", "late"),))

    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            authorize(parts, *(entry(f"e{number}") for number in range(5)), late)
            held: list[int] = []  # at each call

            async def look() -> None:
                held.append(sum(parts.holdings.held(one) is not None for one in server.entries))
                if len(held) == 1:
                    parts.holdings.subscribe(frozenset(late.selectors), lambda: None)
                if len(held) == 3:
                    assert parts.holdings.held("late") is not None

            server.before["BatchNewX509SVID"] = look
            await parts.signer.sign_due()
            assert held == [0, 2, 3, 5]

    asyncio.run(scenario())


def test_what_becomes_due_is_signed_while_it_runs_and_a_denial_ends_it(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts, Tasks() as tasks:
            running = tasks.start(parts.signer.run())
            authorize(parts, entry("a"))
            parts.signer.wake()
            async with asyncio.timeout(5):
                while parts.holdings.held("a") is None:  # noqa: ASYNC110 - holdings send no event
                    await asyncio.sleep(0.001)
            server.serials.clear()
            authorize(parts, entry("a"), entry("b"))
            parts.signer.wake()
            with pytest.raises(PermissionDenied):
                await asyncio.wait_for(running, 5)

    with pytest.raises(PermissionDenied):  # told to the owner of the task too
        asyncio.run(scenario())


def test_a_token_is_signed_once_for_its_audience(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            authorize(parts, entry("a"))
            one = await parts.signer.jwt_svid(entry("a"), ["x", "y"])
            assert await parts.signer.jwt_svid(entry("a"), ["y", "x"]) is one
            parts.signer.forget_jwts_of({server.jwt_key.key_id})
            assert await parts.signer.jwt_svid(entry("a"), ["x", "y"]) is not one
            assert "issued by a tainted authority" in parts.log

    asyncio.run(scenario())


def test_an_entry_with_unique_tokens_gets_a_new_one_each_time(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            unique = entry("a", jwt_svid_include_jti=True)
            authorize(parts, unique)
            await parts.signer.jwt_svid(unique, ["x"])
            await parts.signer.jwt_svid(unique, ["x"])
            assert server.calls["NewJWTSVID"] == 2

    asyncio.run(scenario())


def test_a_token_that_cannot_be_had_is_told_in_the_words_of_a_stock_agent(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            with pytest.raises(NotFound, match="failed to fetch JWT SVID: rpc error: code = NotFound desc"):
                await parts.signer.jwt_svid(entry("absent"), ["x"])

    asyncio.run(scenario())


@pytest.mark.parametrize("refusal", [NotFound("entry not found"), PermissionDenied("banned"), None])
def test_an_old_token_helps_out_while_the_server_is_away_but_not_where_it_refuses(
    joined: Any, monkeypatch: pytest.MonkeyPatch, refusal: FinialError | None
) -> None:
    async def answer() -> None:
        raise refusal or Unavailable("away")

    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            authorize(parts, entry("a"))
            kept = await parts.signer.jwt_svid(entry("a"), ["x"])
            later = (kept.issued_at + 3 * kept.expires_at) / 4
            monkeypatch.setattr(parts.signer, "_clock", VirtualClock(datetime.fromtimestamp(later, UTC)))
            server.before["NewJWTSVID"] = answer
            if refusal is None:
                assert await parts.signer.jwt_svid(entry("a"), ["x"]) is kept
                return
            with pytest.raises(type(refusal)):
                await parts.signer.jwt_svid(entry("a"), ["x"])

    asyncio.run(scenario())


def test_an_old_token_is_handed_out_once_the_new_one_takes_longer_than_configured(
    joined: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            authorize(parts, entry("a"))
            kept = await parts.signer.jwt_svid(entry("a"), ["x"])
            later = (kept.issued_at + 3 * kept.expires_at) / 4
            monkeypatch.setattr(parts.signer, "_clock", VirtualClock(datetime.fromtimestamp(later, UTC)))
            monkeypatch.setattr(
                parts.signer, "_options", replace(parts.signer._options, jwt_hit_timeout=0.02)
            )
            ended = asyncio.Event()

            async def slow() -> None:
                await ended.wait()

            server.before["NewJWTSVID"] = slow
            async with asyncio.timeout(5):
                assert await parts.signer.jwt_svid(entry("a"), ["x"]) is kept
            ended.set()

    asyncio.run(scenario())


def test_an_svid_that_had_ended_when_it_came_is_not_asked_for_again_at_once(
    joined: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clocks of server and agent differ by more than the SVID's life."""

    async def scenario() -> None:
        async with ScriptedServer(x509_svid_ttl=60) as server, joined(server) as parts:
            authorize(parts, entry("a"))
            late = server.clock.unix() + 120
            monkeypatch.setattr(parts.signer, "_clock", VirtualClock(datetime.fromtimestamp(late, UTC)))
            await asyncio.wait_for(parts.signer.sign_due(), 5)
            assert server.calls["BatchNewX509SVID"] == 1
            assert parts.holdings.held("a") is None
            assert "had expired when it came" in parts.log

    asyncio.run(scenario())
