"""The table of entries, and one entry's page."""

from __future__ import annotations

from finial.console.readings import AgentReading, ChangeReading, ServerReading, State
from finial.console.views.identities import identities, identity_page
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector

NOW = 1_800_000_000.0
AGENT = SpiffeId.parse("spiffe://a.test/spire/agent/t/a")
WEB, DB = (
    Entry(
        name,
        SpiffeId.parse(f"spiffe://a.test/{name}"),
        AGENT,
        (Selector("unix", f"user:{name}"),),
        dns_names=(f"{name}.test",),
        expires_at=int(NOW) - 1 if name == "db" else 0,
    )
    for name in ("web", "db")
)
CHILD = Entry("child", SpiffeId.parse("spiffe://a.test/child"), WEB.spiffe_id, (Selector("t", "1"),))
SERVER = ServerReading(
    own=True,
    at=NOW,
    entries={one.id: one for one in (WEB, DB, CHILD)},
    agents={AGENT: AgentReading(Agent(AGENT, "t", "1", 0), State.READY)},
    changes=(ChangeReading(b"1", NOW, (("entry", "web"),)), ChangeReading(b"2", NOW, (("entry", "db"),))),
)


def test_rows_are_in_order_and_found_by_what_is_written_in_them() -> None:
    assert [row.entry_id for row in identities(SERVER, NOW).rows] == ["child", "db", "web"]
    for text in ("user:web", "web.test", "a.test/web"):
        assert "web" in [row.entry_id for row in identities(SERVER, NOW, text=text).rows]
    assert [row.entry_id for row in identities(SERVER, NOW, text="user:db").rows] == ["db"]
    table = identities(SERVER, NOW, offset=1, most=1)
    assert ([row.entry_id for row in table.rows], table.page.matching) == (["db"], 3)


def test_what_is_not_set_is_none_and_what_has_ended_says_so() -> None:
    rows = {row.entry_id: row for row in identities(SERVER, NOW).rows}
    assert (rows["web"].x509_svid_ttl, rows["web"].expires_at, rows["web"].expired) == (None, None, False)
    assert rows["db"].expired


def test_a_page_has_holders_children_and_changes_of_its_own() -> None:
    page = identity_page(SERVER, WEB, NOW)
    assert (page.holding, [one.id for one in page.holders]) == (1, [str(AGENT)])
    assert [one.entry_id for one in page.children] == ["child"]
    assert [row.position for row in page.changes] == [b"1".hex()]
