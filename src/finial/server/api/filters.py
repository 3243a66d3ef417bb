"""Filters of list and count requests: messages in, `server.listing` filters out, in SPIRE's words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from finial.errors import Internal, InvalidArgument
from finial.server.listing import AgentFilter, Behaviour, EntryFilter, SetMatch
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.convert.field import given, naming
from finial.wire.convert.id import (
    member_id_from_request,
    selectors_from_wire,
    trust_domains_from_wire,
    workload_id_from_request,
)
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.types import selector_pb2

EXPIRES_BEFORE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}) [+-]\d\d\Z")  # Go's layout in SPIRE

Thing = TypeVar("Thing", bound=Selector | TrustDomain)


def entry_filter(
    message: entry_pb2.ListEntriesRequest.Filter | entry_pb2.CountEntriesRequest.Filter | None,
    trust_domain: TrustDomain,
    what: str,
) -> EntryFilter:
    """`what` names the call where SPIRE's datastore would refuse. Raises: InvalidArgument, Internal."""
    if message is None:
        return EntryFilter()
    parent_id = spiffe_id = None
    if message.HasField("by_parent_id"):
        with naming("malformed parent ID filter"):
            parent_id = member_id_from_request(message.by_parent_id, trust_domain)
    if message.HasField("by_spiffe_id"):
        with naming("malformed SPIFFE ID filter"):
            spiffe_id = workload_id_from_request(message.by_spiffe_id, trust_domain)
    return EntryFilter(
        parent_id=parent_id,
        spiffe_id=spiffe_id,
        selectors=_entry_selectors(given(message, "by_selectors", message.by_selectors), what),
        federates_with=_federates_with(message, what),
        hint=message.by_hint.value,
        downstream=message.by_downstream.value,
    )


def _entry_selectors(message: selector_pb2.SelectorMatch | None, what: str) -> SetMatch[Selector] | None:
    if message is None:
        return None
    if not message.selectors:
        raise InvalidArgument("malformed selectors filter: empty selector set")
    with naming("malformed selectors filter"):
        selectors = selectors_from_wire(message.selectors)
    return _match(selectors, message.match, f"{what}: datastore-sql: unhandled match behavior")


def _federates_with(
    message: entry_pb2.ListEntriesRequest.Filter | entry_pb2.CountEntriesRequest.Filter, what: str
) -> SetMatch[TrustDomain] | None:
    if not message.HasField("by_federates_with"):
        return None
    wanted = message.by_federates_with
    if not wanted.trust_domains:
        raise InvalidArgument("malformed federates with filter: empty trust domain set")
    with naming("malformed federates with filter"):
        domains = trust_domains_from_wire(wanted.trust_domains)
    return _match(domains, wanted.match, f"{what}: datastore-sql: unhandled federates with match behavior")


def agent_filter(
    message: agent_pb2.ListAgentsRequest.Filter | agent_pb2.CountAgentsRequest.Filter | None, what: str
) -> AgentFilter:
    """Raises: InvalidArgument, Internal. A time that cannot be read filters nothing, as in SPIRE."""
    if message is None:
        return AgentFilter()
    return AgentFilter(
        attestation_type=message.by_attestation_type,
        selectors=_agent_selectors(given(message, "by_selector_match", message.by_selector_match), what),
        banned=message.by_banned.value if message.HasField("by_banned") else None,
        can_reattest=message.by_can_reattest.value if message.HasField("by_can_reattest") else None,
        expires_before=_moment(message.by_expires_before),
    )


def _agent_selectors(message: selector_pb2.SelectorMatch | None, what: str) -> SetMatch[Selector] | None:
    if message is None:
        return None
    with naming("failed to parse selectors"):
        selectors = selectors_from_wire(message.selectors)
    if not selectors:
        raise Internal(f"{what}: cannot list by empty selectors set")
    return _match(selectors, message.match, f"{what}: datastore-sql: unhandled match behavior")


def _moment(text: str) -> float | None:
    found = EXPIRES_BEFORE.match(text)
    if found:
        with suppress(ValueError):
            return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S %z").timestamp()
    return None


def _match(things: Iterable[Thing], behaviour: int, unknown: str) -> SetMatch[Thing]:
    if behaviour not in Behaviour.__members__.values():
        raise Internal(f"{unknown} {behaviour!r}")
    return SetMatch(frozenset(things), Behaviour(behaviour))
