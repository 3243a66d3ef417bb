"""Which entries an agent may hold."""

from __future__ import annotations

from finial.registry.authorized import authorized_entries, node_aliases
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId, agent_id, server_id
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain

DOMAIN = TrustDomain("example.org")
AGENT = agent_id(DOMAIN, "/x509pop/a")
EAST, WEST = Selector("x509pop", "region:east"), Selector("x509pop", "region:west")
UNIX = Selector("unix", "uid:1")


def entry(name: str, parent: SpiffeId, *selectors: Selector) -> Entry:
    return Entry(name, SpiffeId(DOMAIN, f"/{name}"), parent, selectors or (UNIX,))


def held(*entries: Entry, selectors: tuple[Selector, ...] = ()) -> set[str]:
    return set(authorized_entries(AGENT, selectors, entries))


def test_children_and_theirs_and_nobody_elses() -> None:
    child = entry("child", AGENT)
    grandchild = entry("grandchild", child.spiffe_id)
    other = entry("other", agent_id(DOMAIN, "/x509pop/b"))
    assert held(child, grandchild, other, entry("below", other.spiffe_id)) == {"child", "grandchild"}


def test_alias_gives_its_children_and_is_not_handed_out() -> None:
    alias = entry("alias", server_id(DOMAIN), EAST)
    assert held(alias, entry("w", alias.spiffe_id), selectors=(EAST, WEST)) == {"w"}
    assert held(alias, entry("w", alias.spiffe_id), selectors=(WEST,)) == set()


def test_alias_needs_all_its_selectors_and_at_least_one() -> None:
    both = entry("both", server_id(DOMAIN), EAST, WEST)
    none = Entry("none", SpiffeId(DOMAIN, "/none"), server_id(DOMAIN), ())
    assert node_aliases([EAST], [both, none]) == []
    assert node_aliases([EAST, WEST], [both, none]) == [both.spiffe_id]


def test_an_entry_parented_at_the_server_is_held_by_no_agent() -> None:
    assert held(entry("w", server_id(DOMAIN)), selectors=(UNIX,)) == set()


def test_cycles_end() -> None:
    one = entry("one", SpiffeId(DOMAIN, "/two"))
    two = entry("two", SpiffeId(DOMAIN, "/one"))
    assert held(one, two) == set()
    assert held(one, two, entry("two", AGENT)) == {"one", "two"}


def test_selectors_of_the_workload_do_not_matter_here() -> None:
    assert held(entry("w", AGENT, EAST)) == {"w"}
