"""`-wait`: until the agents concerned have the change in hand, or the time is over.

Exit 0: at least one agent has it (ready, or delivered to a stock agent) and none is pending. 3: no agent
may hold an entry, with the parent that is missing. 4: time over, with the agents that are pending.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from finial.cli.console import Console
from finial.cli.notation import id_text
from finial.cli.server_socket import calling
from finial.errors import FailedPrecondition
from finial.wire.client import ServerApi
from finial.wire.pb.finial.change.v1.change_pb2 import AgentState, WaitRequest, WaitResponse

NOBODY, TIMEOUT = 3, 4
ARRIVED = (AgentState.READY, AgentState.DELIVERED)
WORDS = {
    AgentState.READY: "ready",
    AgentState.DELIVERED: "delivered",
    AgentState.PENDING: "pending",
    AgentState.ELSEWHERE: "at another server",
    AgentState.GONE: "gone",
}


async def wait_for(
    api: ServerApi, entry_ids: list[str], position: bytes, timeout: float, console: Console
) -> int:
    """Raises: FailedPrecondition against a server that has no positions (a stock SPIRE)."""
    if not position:
        raise FailedPrecondition(
            "cannot wait: this server tells no position",
            hint="the entry is created; -wait needs a Finial server",
        )
    seen = Seen()
    try:
        async with asyncio.timeout(timeout):
            with calling("cannot wait"):
                async for answer in api.wait(WaitRequest(position=position, entry_ids=entry_ids)):
                    seen.take(answer)
                    if answer.done:
                        break
    except TimeoutError:
        seen.show(console)
        console.err(f"not every agent had the change in hand after {timeout:g} s")
        return TIMEOUT
    return seen.verdict(console)


@dataclass(slots=True)
class Seen:
    """What the answers told so far: each tells what moved since the one before."""

    agents: dict[str, AgentState.State] = field(default_factory=dict)
    nobody: dict[str, str] = field(default_factory=dict)  # entry ID -> the parent that is missing, or ""

    def take(self, answer: WaitResponse) -> None:
        self.agents.update({id_text(one.spiffe_id): one.state for one in answer.agents})
        self.nobody.update(dict.fromkeys(answer.nobody_entry_ids, ""))
        for one in answer.nobody_reasons:
            self.nobody[one.entry_id] = id_text(one.missing_parent)

    def show(self, console: Console) -> None:
        for agent, state in sorted(self.agents.items()):
            console.err(f"{agent}  {WORDS.get(state, 'unknown')}")

    def verdict(self, console: Console) -> int:
        for entry_id, parent in self.nobody.items():
            why = f': no agent and no entry is "{parent}"' if parent else ""
            console.err(f'no agent may hold entry "{entry_id}"{why}')
        if self.nobody:
            if any(self.nobody.values()):
                console.hint("`finial agent list` and `finial entry show` tell which IDs a parent may have")
            return NOBODY
        self.show(console)
        arrived = sum(state in ARRIVED for state in self.agents.values())
        console.err(f"{arrived} {'agent has' if arrived == 1 else 'agents have'} the change in hand")
        return 0 if arrived else TIMEOUT
