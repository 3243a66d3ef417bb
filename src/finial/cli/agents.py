"""`agent list | count | show | evict | ban`: the server's view of attested agents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.notation import MATCHES, id_text, match_name, read_id, read_selector, time_text
from finial.cli.output import answer
from finial.cli.paging import pages
from finial.cli.server_socket import AnswerFlags, calling, server
from finial.errors import InvalidArgument
from finial.wire.client import ServerApi
from finial.wire.pb.spire.api.server.agent.v1.agent_pb2 import (
    BanAgentRequest,
    CountAgentsRequest,
    DeleteAgentRequest,
    GetAgentRequest,
    ListAgentsRequest,
    ListAgentsResponse,
)
from finial.wire.pb.spire.api.types.agent_pb2 import Agent
from finial.wire.pb.spire.api.types.selector_pb2 import SelectorMatch
from finial.wire.pb.spire.api.types.spiffeid_pb2 import SPIFFEID

GO_LAYOUT = "2006-01-02 15:04:05 -0700 -07"
LAYOUT_ELEMENTS = [
    (element, re.compile(pattern))
    for element, pattern in (
        ("2006", r"\d{4}"), ("-", "-"), ("01", r"\d\d"), ("-", "-"), ("02", r"\d\d"), (" ", " +"),
        ("15", r"\d\d"), (":", ":"), ("04", r"\d\d"), (":", ":"), ("05", r"\d\d"), (" ", " +"),
        ("-0700", r"[+-]\d{4}"), (" ", " +"), ("-07", r"[+-]\d\d"),
    )
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFlags(AnswerFlags):
    selectors: tuple[str, ...] = flag(
        (), "A selector of the node, type:value. May be repeated", name="selector"
    )
    match_selectors_on: str = flag(
        "superset",
        "How selectors match: exact, any, superset or subset",
        name="matchSelectorsOn",
        choices=MATCHES,
    )
    attestation_type: str = flag(
        "", "Only agents attested by this method, as join_token", name="attestationType"
    )
    can_reattest: str = flag(
        "",
        "true or false: only agents that can, or cannot, attest again",
        name="canReattest",
        choices=("true", "false"),
    )
    banned: str = flag(
        "", "true or false: only agents that are, or are not, banned", choices=("true", "false")
    )
    expires_before: str = flag(
        "", f"Only agents whose SVID expires before (as {GO_LAYOUT})", name="expiresBefore"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFlags(AnswerFlags):
    spiffe_id: str = flag("", "The SPIFFE ID of the agent", name="spiffeID", refers_to="agent")


async def list_agents(flags: ListFlags, console: Console) -> int:
    wanted = agent_filter(flags)
    async with server(flags) as api:
        found = await all_agents(api, wanted)
    return answer(console, flags.output, ListAgentsResponse(agents=found), list_text(found))


async def count_agents(flags: ListFlags, console: Console) -> int:
    wanted = CountAgentsRequest.Filter.FromString(agent_filter(flags).SerializeToString())
    async with server(flags) as api:
        with calling():
            reply = await api.agent.CountAgents(CountAgentsRequest(filter=wanted))
    text = f"{reply.count} attested {'agent' if reply.count == 1 else 'agents'}"
    return answer(console, flags.output, reply, [text])


async def show_agent(flags: AgentFlags, console: Console) -> int:
    request = GetAgentRequest(id=agent_id(flags))
    async with server(flags) as api:
        with calling():
            agent = await api.agent.GetAgent(request)
    selectors = [f"{'Selectors':<18}: {one.type}:{one.value}" for one in agent.selectors]
    title = "Found an attested agent given its SPIFFE ID"
    return answer(console, flags.output, agent, [title, "", *agent_text(agent), *selectors])


async def evict_agent(flags: AgentFlags, console: Console) -> int:
    request = DeleteAgentRequest(id=agent_id(flags))
    async with server(flags) as api:
        with calling():
            reply = await api.agent.DeleteAgent(request)
    return answer(console, flags.output, reply, ["Agent evicted successfully"])


async def ban_agent(flags: AgentFlags, console: Console) -> int:
    request = BanAgentRequest(id=agent_id(flags))
    async with server(flags) as api:
        with calling():
            reply = await api.agent.BanAgent(request)
    return answer(console, flags.output, reply, ["Agent banned successfully"])


async def all_agents(api: ServerApi, wanted: ListAgentsRequest.Filter) -> list[Agent]:
    listed = pages(api.agent.ListAgents, ListAgentsRequest(filter=wanted))
    return [one async for page in listed for one in page.agents]


def agent_id(flags: AgentFlags) -> SPIFFEID:
    if not flags.spiffe_id:
        raise InvalidArgument("a SPIFFE ID is required", hint="`finial agent list` shows the IDs of agents")
    return read_id(flags.spiffe_id)


def agent_filter(flags: ListFlags) -> ListAgentsRequest.Filter:
    """Raises: InvalidArgument, in SPIRE's words."""
    wanted = ListAgentsRequest.Filter(by_attestation_type=flags.attestation_type)
    if flags.selectors:
        wanted.by_selector_match.CopyFrom(selector_match(flags))
    if flags.can_reattest in ("true", "false"):
        wanted.by_can_reattest.value = flags.can_reattest == "true"
    if flags.banned in ("true", "false"):
        wanted.by_banned.value = flags.banned == "true"
    if flags.expires_before:
        wanted.by_expires_before = checked_time(flags.expires_before)
    return wanted


def selector_match(flags: ListFlags) -> SelectorMatch:
    if flags.match_selectors_on not in MATCHES:
        raise InvalidArgument("unsupported match behavior")
    selectors = []
    for one in flags.selectors:
        try:
            selectors.append(read_selector(one))
        except InvalidArgument as why:
            raise why.within(f'error parsing selector "{one}"') from why
    match = match_name(flags.match_selectors_on)
    return SelectorMatch(selectors=selectors, match=match)


def checked_time(text: str) -> str:
    """The text itself if it follows Go's layout, which the server reads too. Errors are those of Go's `time`."""
    rest = text
    for element, pattern in LAYOUT_ELEMENTS:
        found = pattern.match(rest)
        if found is None:
            raise _not_a_time(text, f' as "{GO_LAYOUT}": cannot parse "{rest}" as "{element}"')
        rest = rest[found.end() :]
    if rest:
        raise _not_a_time(text, f': extra text: "{rest}"')
    try:
        datetime.strptime(text.rpartition(" ")[0], "%Y-%m-%d %H:%M:%S %z")
    except ValueError as why:
        raise _not_a_time(text, ": day or time out of range") from why
    return text


def _not_a_time(text: str, why: str) -> InvalidArgument:
    return InvalidArgument(
        f'date is not valid: parsing time "{text}"{why}', hint='for example "2030-01-31 00:00:00 +0000 +00"'
    )


def list_text(found: list[Agent]) -> Iterator[str]:
    if not found:
        yield "No attested agents found"
        return
    yield f"Found {len(found)} attested {'agent' if len(found) == 1 else 'agents'}:"
    yield ""
    for agent in found:
        yield from agent_text(agent)


def agent_text(agent: Agent) -> list[str]:
    """The lines of one agent, with the empty one that ends them."""
    rows: list[tuple[str, object]] = [
        ("SPIFFE ID", id_text(agent.id)),
        ("Attestation type", agent.attestation_type),
        ("Expiration time", time_text(agent.x509svid_expires_at)),
    ]
    rows.append(("Banned", "true") if agent.banned else ("Serial number", agent.x509svid_serial_number))
    rows.append(("Can re-attest", "true" if agent.can_reattest else "false"))
    if agent.agent_version:
        rows.append(("Agent version", agent.agent_version))
    return [*(f"{label:<18}: {value}" for label, value in rows), ""]


COMMANDS = (
    Command(
        "agent list",
        "Lists attested agents, all or those that match every filter.",
        ListFlags,
        list_agents,
        examples=("finial agent list", "finial agent list -attestationType join_token -output json"),
    ),
    Command(
        "agent count",
        "Counts attested agents.",
        ListFlags,
        count_agents,
        examples=("finial agent count -banned true",),
    ),
    Command(
        "agent show",
        "Shows one attested agent with its selectors.",
        AgentFlags,
        show_agent,
        examples=("finial agent show -spiffeID spiffe://example.org/spire/agent/join_token/...",),
    ),
    Command(
        "agent evict",
        "Forgets an agent: it must attest again, where its method allows.",
        AgentFlags,
        evict_agent,
        examples=("finial agent evict -spiffeID spiffe://example.org/spire/agent/...",),
    ),
    Command(
        "agent ban",
        "Refuses an agent until it is evicted; it removes its SVID and ends.",
        AgentFlags,
        ban_agent,
        examples=("finial agent ban -spiffeID spiffe://example.org/spire/agent/...",),
    ),
)
