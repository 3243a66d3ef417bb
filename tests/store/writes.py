"""Every write of the store, by the name that leads its fault points, on what `prepare` made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from finial.authority.journal import Journal
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.registry.federation import HTTPS_WEB, FederationRelationship
from finial.registry.join_token import JoinToken
from finial.spiffe.bundle import Bundle, JwtAuthority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store import DeleteMode, Store, migrate

OWN, PARTNER, NEW = TrustDomain("example.org"), TrustDomain("partner.test"), TrustDomain("new.test")
NODE, OTHER = SpiffeId(OWN, "/spire/agent/join_token/t"), SpiffeId(OWN, "/spire/agent/x/other")
AGENT = Agent(NODE, "join_token", "11", 1000, can_reattest=True, selectors=(Selector("a", "1"),))
ENTRY = Entry("e", SpiffeId(OWN, "/e"), NODE, (Selector("a", "1"), Selector("b", "2")), dns_names=("d",))
ALIAS = Entry("alias", SpiffeId(OWN, "/alias"), NODE, (Selector("spiffe_id", str(NODE)),))
WEB = FederationRelationship(PARTNER, "https://partner.test/", HTTPS_WEB)
KEY = JwtAuthority("one", b"key", 4102444800)

OPERATIONS: dict[str, Callable[[Store], Awaitable[object]]] = {
    "entries.create": lambda store: store.create_entries(
        [
            replace(ENTRY, id=f"n{one}", spiffe_id=SpiffeId(OWN, f"/n{one}"), federates_with=(PARTNER,))
            for one in "xyz"
        ]
    ),
    "entries.update": lambda store: store.update_entries(
        [("e", lambda one: replace(one, selectors=(Selector("c", "3"),), federates_with=(), hint="changed"))]
    ),
    "entries.delete": lambda store: store.delete_entries(["e", "alias"]),
    "entries.prune": lambda store: store.prune_expired_entries(100),
    "agents.put": lambda store: store.put_agent(replace(AGENT, id=OTHER)),
    "agents.renew": lambda store: store.set_renewal(NODE, "13", 2000),
    "agents.activate": lambda store: store.activate_serial(NODE, "12"),
    "agents.version": lambda store: store.set_agent_version(NODE, "2"),
    "agents.ban": lambda store: store.ban(NODE),
    "agents.delete": lambda store: store.delete_agent(NODE),
    "agents.prune": lambda store: store.prune_expired_agents(5000),
    "tokens.create": lambda store: store.create_join_token(
        JoinToken("new", 50), [replace(ALIAS, id="second", spiffe_id=SpiffeId(OWN, "/second"))]
    ),
    "tokens.take": lambda store: store.take_join_token("secret"),
    "tokens.prune": lambda store: store.prune_join_tokens(100),
    "bundles.create": lambda store: store.create_bundle(Bundle(NEW)),
    "bundles.set": lambda store: store.set_bundle(Bundle(PARTNER, refresh_hint=7)),
    "bundles.append": lambda store: store.append_bundle(Bundle(OWN, jwt_authorities=(KEY,))),
    "bundles.change": lambda store: store.change_bundle(OWN, lambda one: replace(one, refresh_hint=9)),
    "bundles.delete": lambda store: store.delete_bundle(PARTNER, DeleteMode.DELETE),
    "federation.create": lambda store: store.create_federation_relationship(
        replace(WEB, trust_domain=NEW), Bundle(NEW)
    ),
    "federation.update": lambda store: store.update_federation_relationship(
        replace(WEB, bundle_endpoint_url="https://other.test/"), Bundle(PARTNER, refresh_hint=8)
    ),
    "federation.delete": lambda store: store.delete_federation_relationship(PARTNER),
    "journal.put": lambda store: store.put_journal(1, Journal(), "cd34"),
    "journal.prune": lambda store: store.prune_journals(100),
    "changes.trim": lambda store: trim(store),
    "events.prune": lambda store: store.prune_events(4102444800),
    "lineage.begin": lambda store: store.remember(),  # passed when the store is opened
    "lineage.go_on": lambda store: load_after_restore(store),
    "lineage.renew": lambda store: store.remember(),
    "schema.hand_back": lambda store: migrate.hand_back(store._engine),
    "schema.prepare": lambda store: store.load(),  # passed when an empty file is opened
}
STARTS_EMPTY = {"schema.prepare"}


async def load_after_restore(store: Store) -> object:
    here = await store.changes.position()
    return await store.load(replace(here, id=here.id + 1))


async def trim(store: Store) -> int:
    return await store.changes.trim([await store.changes.position()])


async def prepare(store: Store) -> None:
    """Writes that were acknowledged before."""
    await store.set_bundle(Bundle(OWN))
    await store.set_bundle(Bundle(PARTNER))
    await store.create_entries(
        [
            replace(ENTRY, federates_with=(PARTNER,)),
            ALIAS,
            replace(ENTRY, id="old", parent_id=OTHER, expires_at=5),
        ]
    )
    await store.put_agent(AGENT)
    await store.set_renewal(NODE, "12", 3000)
    await store.create_join_token(JoinToken("secret", 5))
    await store.create_join_token(JoinToken("gone", 5))
    await store.take_join_token("gone")
    await store.create_federation_relationship(WEB)
    await store.put_journal(None, Journal(), "ab12")
