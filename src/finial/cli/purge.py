"""`agent purge`: forgets agents that expired long ago and could attest again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from finial.cli.agents import all_agents
from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.durations import read_duration
from finial.cli.flags import flag
from finial.cli.notation import id_text
from finial.cli.output import JsonValue, to_line
from finial.cli.server_socket import AnswerFlags, calling, server
from finial.errors import FinialError
from finial.runtime.clock import SystemClock
from finial.wire.client import ServerApi
from finial.wire.pb.spire.api.server.agent.v1.agent_pb2 import DeleteAgentRequest, ListAgentsRequest
from finial.wire.pb.spire.api.types.agent_pb2 import Agent

THIRTY_DAYS = 30 * 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeFlags(AnswerFlags):
    expired_for: float = flag(
        THIRTY_DAYS,
        "How long ago the agent's SVID expired at least, for example 24h",
        name="expiredFor",
        read=read_duration,
    )
    dry_run: bool = flag(False, "If set, shows which agents would be purged, and purges none", name="dryRun")


@dataclass(frozen=True, slots=True)
class Purged:
    """What became of one expired agent."""

    agent_id: str
    deleted: bool = False
    error: str = ""

    def as_json(self) -> dict[str, JsonValue]:
        shown: dict[str, JsonValue] = {"agent_id": self.agent_id, "deleted": self.deleted}
        return shown | {"error": self.error} if self.error else shown


async def purge(flags: PurgeFlags, console: Console) -> int:
    """One that cannot be deleted leaves the others alone, and is told of."""
    wanted = ListAgentsRequest.Filter()
    wanted.by_can_reattest.value = True
    latest = SystemClock().unix() - flags.expired_for
    async with server(flags) as api:
        expired = [one for one in await all_agents(api, wanted) if one.x509svid_expires_at < latest]
        done = [Purged(id_text(one.id)) if flags.dry_run else await delete(api, one) for one in expired]
    if flags.output == "json":
        console.out(to_line({"expired_agents": [one.as_json() for one in done]}))
    else:
        console.out("\n".join(purged_text(done, dry_run=flags.dry_run)))
    return 0


async def delete(api: ServerApi, agent: Agent) -> Purged:
    try:
        with calling():
            await api.agent.DeleteAgent(DeleteAgentRequest(id=agent.id))
    except FinialError as why:
        return Purged(id_text(agent.id), error=why.message)
    return Purged(id_text(agent.id), deleted=True)


def purged_text(agents: list[Purged], *, dry_run: bool) -> Iterator[str]:
    """Empty lines are SPIRE's."""
    if not agents:
        yield "No agents to purge."
        return
    yield f"Found {len(agents)} expired {'agent' if len(agents) == 1 else 'agents'}\n"
    if dry_run:
        yield "\nAgents that can be purged:"
        yield from (f"SPIFFE ID         : {one.agent_id}" for one in agents)
        return
    deleted = [one for one in agents if one.deleted]
    if deleted:
        yield "Agents purged:"
        yield from (f"SPIFFE ID         : {one.agent_id}" for one in deleted)
    failed = [one for one in agents if not one.deleted]
    if failed:
        yield "Agents not purged:"
        for one in failed:
            yield f"SPIFFE ID         : {one.agent_id}"
            yield f"Error             : {one.error}"


COMMANDS = (
    Command(
        "agent purge",
        "Forgets agents that expired long ago and could attest again; those of join tokens stay.",
        PurgeFlags,
        purge,
        examples=("finial agent purge -dryRun", "finial agent purge -expiredFor 168h"),
    ),
)
