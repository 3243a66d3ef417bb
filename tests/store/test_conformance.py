"""What every engine does alike: operations through `Store`, positions, following, parallel callers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from finial.authority.journal import Journal, JwtKeyRecord, Status, X509CaRecord
from finial.errors import AlreadyExists, FailedPrecondition, NotFound, PermissionDenied, Unavailable
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.registry.federation import HTTPS_WEB, FederationRelationship
from finial.registry.join_token import JoinToken
from finial.runtime.clock import SystemClock
from finial.spiffe.bundle import Bundle, JwtAuthority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store import (
    Change,
    Committed,
    Created,
    DeleteMode,
    Kind,
    Position,
    Refused,
    Similar,
    Store,
    Updated,
)

OWN, PARTNER = TrustDomain("example.org"), TrustDomain("partner.test")
NODE = SpiffeId(OWN, "/spire/agent/join_token/t")
AGENT = Agent(NODE, "join_token", "11", 2000000000, selectors=(Selector("a", "1"),))
KEY = JwtAuthority("one", b"key", 4102444800)
JOURNAL = Journal(
    (X509CaRecord("A", 1, 2, b"ca", (), Status.ACTIVE, "ab12"),),
    (JwtKeyRecord("A", 1, 2, "kid", b"key", Status.ACTIVE, "kid"),),
)


def entry(id_: str, *selectors: str) -> Entry:
    chosen = tuple(Selector.parse(one) for one in selectors or ("unix:uid:1",))
    return Entry(id_, SpiffeId(OWN, f"/{id_}"), NODE, chosen)


def using(location: str, work: Callable[[Store], Awaitable[None]]) -> None:
    async def main() -> None:
        store = await Store.open(location, clock=SystemClock())
        try:
            async with asyncio.timeout(30):
                await work(store)
        finally:
            await store.close()

    asyncio.run(main())


def test_everything_is_there_after_a_restart(location: str) -> None:
    async def write(store: Store) -> None:
        await store.set_bundle(Bundle(OWN, jwt_authorities=(KEY,)))
        await store.set_bundle(Bundle(PARTNER, refresh_hint=60))
        await store.create_entries([replace(entry("e"), federates_with=(PARTNER,), dns_names=("d",))])
        await store.put_agent(AGENT)
        await store.put_journal(None, JOURNAL, "ab12")
        await store.create_federation_relationship(
            FederationRelationship(PARTNER, "https://partner.test/", HTTPS_WEB)
        )

    async def read(store: Store) -> None:
        snapshot = await store.load()
        ((row, found),) = snapshot.entries
        assert found == replace(
            entry("e"), federates_with=(PARTNER,), dns_names=("d",), created_at=found.created_at
        )
        assert found.created_at > 1_700_000_000
        assert snapshot.agents == [(1, AGENT)]
        things = await store.things([Change(Kind.ENTRY, "e"), Change(Kind.NODE, str(NODE))])
        assert things.entries == {"e": (row, found)} and things.agents == {NODE: (1, AGENT)}
        assert [one.trust_domain for _, one in snapshot.bundles] == [OWN, PARTNER]
        assert snapshot.bundles == await store.bundles()
        assert [one.journal for one in await store.load_journals()] == [JOURNAL]
        assert len(await store.federation_relationships()) == 1

    using(location, write)
    using(location, read)


def test_a_batch_answers_item_by_item(location: str) -> None:
    async def work(store: Store) -> None:
        answers = (
            await store.create_entries([entry("a"), entry("b", "x:y", "x:y"), entry("a", "c:d")])
        ).value
        assert [type(one) for one in answers] == [Created, Refused, Refused]
        (again,) = (await store.create_entries([entry("a")])).value
        assert again == Similar((await store.load()).entries[0].value)
        updated = await store.update_entries(
            [("a", lambda one: replace(one, hint="h")), ("none", lambda one: one)]
        )
        assert [type(one) for one in updated.value] == [Updated, Refused]
        changed = await store.entry("a")
        assert changed is not None and changed.hint == "h"
        assert [one and one.id for one in (await store.delete_entries(["none", "a"])).value] == [None, "a"]
        assert await store.entry("a") is None

    using(location, work)


def test_a_position_covers_the_write_that_answered_it(location: str) -> None:
    async def work(store: Store) -> None:
        start = (await store.load()).position
        made = await store.create_entries([entry("a")])
        changes, position = await store.changes.read(start)
        things, at = await store.changed(start)
        assert (list(things.entries), at) == ([one.key for one in changes], position)
        assert changes == [Change(Kind.ENTRY, "a")]
        assert position.covers(made.position) and not start.covers(made.position)
        assert Position.decode(made.position.encode()) == made.position

    using(location, work)


def test_each_kind_of_change_names_its_thing(location: str) -> None:
    relationship = FederationRelationship(PARTNER, "https://partner.test/", HTTPS_WEB)

    async def work(store: Store) -> None:
        position = (await store.load()).position
        writes: list[tuple[Coroutine[Any, Any, Committed[Any]], Change]] = [
            (store.create_entries([entry("e")]), Change(Kind.ENTRY, "e")),
            (store.put_agent(AGENT), Change(Kind.NODE, str(NODE))),
            (store.set_agent_version(NODE, "1"), Change(Kind.NODE, str(NODE))),
            (store.set_renewal(NODE, "12", 2000000001), Change(Kind.NODE, str(NODE))),
            (store.activate_serial(NODE, "12"), Change(Kind.NODE, str(NODE))),
            (store.ban(NODE), Change(Kind.NODE, str(NODE))),
            (store.delete_agent(NODE), Change(Kind.NODE, str(NODE))),
            (store.create_bundle(Bundle(OWN)), Change(Kind.BUNDLE, OWN.uri)),
            (store.append_bundle(Bundle(OWN, jwt_authorities=(KEY,))), Change(Kind.BUNDLE, OWN.uri)),
            (store.taint_jwt_authority(OWN, "one"), Change(Kind.BUNDLE, OWN.uri)),
            (store.revoke_jwt_authority(OWN, "one"), Change(Kind.BUNDLE, OWN.uri)),
            (store.delete_bundle(OWN), Change(Kind.BUNDLE, OWN.uri)),
            (store.create_federation_relationship(relationship), Change(Kind.FEDERATION, PARTNER.name)),
            (store.update_federation_relationship(relationship), Change(Kind.FEDERATION, PARTNER.name)),
            (store.delete_federation_relationship(PARTNER), Change(Kind.FEDERATION, PARTNER.name)),
            (store.create_join_token(JoinToken("secret", 1)), Change(Kind.TOKEN, "1")),
            (store.put_journal(None, JOURNAL, "ab12"), Change(Kind.JOURNAL, "1")),
            (store.delete_entries(["e"]), Change(Kind.ENTRY, "e")),
        ]
        for write, change in writes:
            committed = await write
            changes, position = await store.changes.read(position)
            assert changes == [change]
            assert position.covers(committed.position)

    using(location, work)


def test_deleting_a_bundle_with_its_entries_tells_of_each_entry(location: str) -> None:
    async def work(store: Store) -> None:
        await store.set_bundle(Bundle(PARTNER))
        await store.create_entries(
            [replace(entry("a"), federates_with=(PARTNER,)), replace(entry("b"), federates_with=(PARTNER,))]
        )
        position = await store.changes.position()
        with pytest.raises(FailedPrecondition, match="federated with 2 registration entries"):
            await store.delete_bundle(PARTNER)
        await store.delete_bundle(PARTNER, DeleteMode.DELETE)
        changes, _ = await store.changes.read(position)
        assert set(changes) == {
            Change(Kind.ENTRY, "a"),
            Change(Kind.ENTRY, "b"),
            Change(Kind.BUNDLE, PARTNER.uri),
        }

    using(location, work)


def test_of_a_hundred_takers_one_gets_the_token(location: str) -> None:
    async def work(store: Store) -> None:
        other = await Store.open(location, clock=SystemClock())
        try:
            await store.create_join_token(JoinToken("secret", 5))
            takers = [(store, other)[number % 2].take_join_token("secret") for number in range(100)]
            taken = [one.value for one in await asyncio.gather(*takers)]
        finally:
            await other.close()
        assert [one for one in taken if one is not None] == [JoinToken("secret", 5)]

    using(location, work)


def test_parallel_writers_of_one_bundle_lose_nothing(location: str) -> None:
    async def work(store: Store) -> None:
        keys = [JwtAuthority(f"key-{number}", b"k") for number in range(30)]
        await asyncio.gather(*(store.append_bundle(Bundle(OWN, jwt_authorities=(key,))) for key in keys))
        bundle = await store.bundle(OWN)
        assert bundle is not None
        assert set(bundle.jwt_authorities) == set(keys)
        assert bundle.sequence_number == 29

    using(location, work)


def test_a_follower_is_woken_by_its_own_and_by_another_store(location: str) -> None:
    async def work(store: Store) -> None:
        other = await Store.open(location, clock=SystemClock())
        try:
            position = (await store.load()).position
            for number, writer in enumerate((store, other, store, other)):
                async with asyncio.TaskGroup() as group:
                    group.create_task(store.changes.wait(position))
                    group.create_task(writer.create_entries([entry(f"e{number}")]))
                changes, position = await store.changes.read(position)
                assert changes == [Change(Kind.ENTRY, f"e{number}")]
        finally:
            await other.close()

    using(location, work)


def test_errors_are_those_of_spire(location: str) -> None:
    async def work(store: Store) -> None:
        await store.create_join_token(JoinToken("t", 1))
        with pytest.raises(
            AlreadyExists,
            match=r"^datastore-sql: (UNIQUE constraint failed: join_tokens\.token"
            r'|pq: duplicate key value violates unique constraint "uix_join_tokens_token" \(23505\))$',
        ):
            await store.create_join_token(JoinToken("t", 1))
        relationship = FederationRelationship(PARTNER, "https://partner.test/", HTTPS_WEB)
        await store.create_federation_relationship(relationship)
        with pytest.raises(
            AlreadyExists,
            match=r"(UNIQUE constraint failed: federated_trust_domains\.trust_domain"
            r'|unique constraint "uix_federated_trust_domains_trust_domain" \(23505\))$',
        ):
            await store.create_federation_relationship(relationship)
        with pytest.raises(NotFound, match=r"^datastore-sql: record not found$"):
            await store.delete_bundle(PARTNER)
        await store.put_agent(AGENT)
        await store.ban(NODE)
        with pytest.raises(PermissionDenied, match="agent is banned"):
            await store.put_agent(AGENT)

    using(location, work)


def test_periodic_cleaning(location: str) -> None:
    async def work(store: Store) -> None:
        await store.create_entries([replace(entry("e"), expires_at=5)])
        await store.put_agent(replace(AGENT, expires_at=5, can_reattest=True))
        await store.create_join_token(JoinToken("t", 5))
        await store.put_journal(None, JOURNAL, "ab12")
        assert [one.id for one in (await store.prune_expired_entries(6)).value] == ["e"]
        assert [one.id for one in (await store.prune_expired_agents(6)).value] == [NODE]
        assert (await store.prune_join_tokens(6)).value == 1
        assert (await store.prune_journals(6)).value == [1]
        assert (await store.load()).agents == [] and await store.agent(NODE) is None
        dropped = await store.changes.trim([await store.changes.position()])
        assert dropped == (0 if location.startswith("postgres") else 4)  # kept by age there

    using(location, work)


def test_a_closed_store_says_so(location: str) -> None:
    async def work(store: Store) -> None:
        await store.close()
        with pytest.raises(Unavailable, match="the datastore is closed"):
            await store.load()

    using(location, work)


def test_who_waits_for_changes_hears_of_the_end(location: str) -> None:
    async def work(store: Store) -> None:
        position = (await store.load()).position
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(hears(store, position))
            await asyncio.sleep(0)
            await store.close()
        assert waiting.result() == "datastore-sql: the datastore is closed"

    async def hears(store: Store, position: Position) -> str:
        with pytest.raises(Unavailable) as caught:
            while True:  # it may return for nothing
                await store.changes.wait(position)
        return str(caught.value)

    using(location, work)
