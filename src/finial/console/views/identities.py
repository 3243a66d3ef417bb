"""Identities: the table of entries, and one entry's page with the agents that may hold it."""

from __future__ import annotations

from finial.console.holders import Holders
from finial.console.readings import ServerReading
from finial.console.views.agents import AgentRow, agent_row
from finial.console.views.changes import ChangeRow, change_rows
from finial.console.views.model import Model, Page
from finial.registry.entry import Entry

MOST_HOLDERS, MOST_CHANGES = 100, 500


class IdentityRow(Model):
    """Times are Unix seconds and lifetimes seconds; None: not set."""

    entry_id: str
    spiffe_id: str
    parent_id: str
    selectors: list[str]
    x509_svid_ttl: int | None
    jwt_svid_ttl: int | None
    federates_with: list[str]
    dns_names: list[str]
    hint: str
    admin: bool
    downstream: bool
    store_svid: bool
    node_alias: bool
    expires_at: float | None
    expired: bool
    created_at: float | None
    revision: int


class Identities(Model):
    page: Page
    rows: list[IdentityRow]


class IdentityPage(Model):
    """`holders`: the first of the agents that may hold it."""

    entry: IdentityRow
    holding: int
    holders: list[AgentRow]
    children: list[IdentityRow]
    changes: list[ChangeRow]


def identities(
    server: ServerReading, now: float, *, text: str = "", offset: int = 0, most: int = 100
) -> Identities:
    """By SPIFFE ID. `text`: a part of an ID, a hint, a DNS name or a selector."""
    found = [one for one in server.entries.values() if _fits(one, text)]
    found.sort(key=lambda one: (str(one.spiffe_id), one.id))
    return Identities(
        page=Page(offset=offset, total=len(server.entries), matching=len(found)),
        rows=[identity_row(one, now) for one in found[offset : offset + most]],
    )


def identity_page(server: ServerReading, entry: Entry, now: float) -> IdentityPage:
    agents = {agent_id: one.agent for agent_id, one in server.agents.items()}
    holders = Holders(server.entries.values(), agents).of(entry)
    children = [one for one in server.entries.values() if one.parent_id == entry.spiffe_id]
    rows = change_rows(server, MOST_CHANGES)
    return IdentityPage(
        entry=identity_row(entry, now),
        holding=len(holders),
        holders=[agent_row(server.agents[one], now) for one in sorted(holders, key=str)[:MOST_HOLDERS]],
        children=[identity_row(one, now) for one in children[:MOST_HOLDERS]],
        changes=[row for row in rows if any(thing.key == entry.id for thing in row.things)],
    )


def identity_row(one: Entry, now: float) -> IdentityRow:
    return IdentityRow(
        entry_id=one.id,
        spiffe_id=str(one.spiffe_id),
        parent_id=str(one.parent_id),
        selectors=[str(selector) for selector in one.selectors],
        x509_svid_ttl=one.x509_svid_ttl or None,
        jwt_svid_ttl=one.jwt_svid_ttl or None,
        federates_with=[domain.name for domain in one.federates_with],
        dns_names=list(one.dns_names),
        hint=one.hint,
        admin=one.admin,
        downstream=one.downstream,
        store_svid=one.store_svid,
        node_alias=one.is_node_alias,
        expires_at=float(one.expires_at) or None,
        expired=one.expired(now),
        created_at=float(one.created_at) or None,
        revision=one.revision_number,
    )


def _fits(one: Entry, text: str) -> bool:
    told = (
        one.id,
        str(one.spiffe_id),
        str(one.parent_id),
        one.hint,
        *one.dns_names,
        *map(str, one.selectors),
    )
    return not text or any(text in each for each in told)
