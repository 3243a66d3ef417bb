"""The way from an entry up to an agent, and where it ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from finial.doctor.explain.chain import Break, Ways
from finial.doctor.explain.fault import Fault
from finial.registry.agent import Agent
from finial.registry.authorized import authorized_entries
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId, server_id
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain

DOMAIN = TrustDomain("example.org")
SERVER = server_id(DOMAIN)
ME, YOU = (SpiffeId.of(DOMAIN, f"/spire/agent/t/{one}") for one in ("me", "you"))
A, B = (SpiffeId.of(DOMAIN, path) for path in ("/a", "/b"))
S1, S2, S3 = (Selector("n", one) for one in "123")
AGENT = Agent(ME, "t", "1", 0, selectors=(S1, S2))


def made(entry_id: str, spiffe_id: SpiffeId, parent: SpiffeId, *selectors: Selector) -> Entry:
    return Entry(entry_id, spiffe_id, parent, selectors)


def test_an_entry_below_the_agent_is_reached_at_once() -> None:
    chain = Ways(AGENT, (), frozenset({ME})).of(made("e", A, ME))
    assert (chain.parents, chain.broken, chain.cost) == ((ME,), None, 0)


def test_a_way_goes_through_entries_and_aliases() -> None:
    entries = [made("alias", B, SERVER, S1, S2), made("middle", A, B)]
    chain = Ways(AGENT, entries, frozenset({ME})).of(made("e", SpiffeId.of(DOMAIN, "/c"), A))
    assert (chain.parents, chain.broken) == ((A, B, ME), None)


def test_the_alias_that_lacks_least_is_named() -> None:
    entries = [made("far", B, SERVER, S3, Selector("n", "4")), made("near", B, SERVER, S1, S3)]
    chain = Ways(AGENT, entries, frozenset({ME})).of(made("e", A, B))
    assert chain.broken == Break(Fault.ALIAS_SHORT, B, (S3,))
    assert chain.cost == 1


def test_where_nobody_has_the_parents_id_it_says_whose_it_would_be() -> None:
    ways = Ways(AGENT, (), frozenset({ME, YOU}))
    gone = SpiffeId.of(DOMAIN, "/spire/agent/t/gone")
    found = [ways.of(made("e", A, parent)).broken for parent in (YOU, gone, B)]
    assert [one.fault for one in found if one] == [
        Fault.PARENT_ELSEWHERE,
        Fault.PARENT_MISSING,
        Fault.ALIAS_MISSING,
    ]


def test_a_circle_ends() -> None:
    entries = [made("1", A, B), made("2", B, A)]
    assert Ways(AGENT, entries, frozenset({ME})).of(entries[0]).broken


IDS = [SpiffeId.of(DOMAIN, f"/{one}") for one in "abcd"]
ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(IDS),
        st.sampled_from([*IDS, ME, YOU, SERVER]),
        st.lists(st.sampled_from([S1, S2, S3]), max_size=2, unique=True),
    ),
    max_size=8,
)


@given(ENTRIES)
def test_unbroken_is_what_the_rule_of_the_registry_says(
    rows: list[tuple[SpiffeId, SpiffeId, list[Selector]]],
) -> None:
    entries = [made(str(number), *row[:2], *row[2]) for number, row in enumerate(rows)]
    held = authorized_entries(ME, AGENT.selectors, entries)
    ways = Ways(AGENT, entries, frozenset({ME, YOU}))
    for entry in entries:
        if not entry.is_node_alias:
            assert (ways.of(entry).broken is None) == (entry.id in held)
