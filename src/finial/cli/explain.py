"""`finial explain`: why a process of this machine has no identity, and the one thing to do about it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from finial.cli import agent_socket, server_socket
from finial.cli.agent_socket import AgentFlags
from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.output import read_format, to_line
from finial.cli.server_socket import ServerFlags
from finial.doctor.explain import Question, explain
from finial.doctor.explain.look import look, processes_of
from finial.doctor.explain.told import told
from finial.errors import InvalidArgument
from finial.runtime.clock import SystemClock
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainFlags(AgentFlags):
    pid: int = flag(0, "The process; this very command if nothing is named")
    path: str = flag("", "The program of the process, where its number is not known")
    selector: tuple[str, ...] = flag(
        (), "What a process would have, type:value, instead of a process that runs; may be repeated"
    )
    spiffe_id: str = flag("", "The SPIFFE ID that was expected", name="spiffeID")
    hint: str = flag("", "The hint that the process asks for")
    agent_id: str = flag(
        "", "Whose process it would be, where no agent is asked", name="agentID", refers_to="agent"
    )
    server_socket_path: str = flag(
        "",
        "Path to the server's API socket, to know of entries that have not arrived (default as `finial entry show`)",
        name="serverSocketPath",
    )
    output: str = flag("pretty", "Desired output format (pretty, json)", read=read_format)


async def run(flags: ExplainFlags, console: Console) -> int:
    question = question_of(flags)
    scene = await look(
        question,
        SystemClock(),
        agent_socket="" if flags.agent_id else agent_socket.socket_path(flags),
        server_socket=existing(
            server_socket.socket_path(ServerFlags(socket_path=flags.server_socket_path)), flags
        ),
    )
    explanation = explain(scene)
    if flags.output == "json":
        console.out(to_line(explanation.record()))
    else:
        console.out(told(explanation))
    return int(bool(explanation.findings))


def question_of(flags: ExplainFlags) -> Question:
    """Raises: InvalidArgument."""
    ways = [
        name
        for name, given in (("-pid", flags.pid), ("-path", flags.path), ("-selector", flags.selector))
        if given
    ]
    if len(ways) > 1:
        raise InvalidArgument(f"{ways[0]} and {ways[1]} name the process twice")
    selectors = tuple(Selector.parse(one) for one in flags.selector)
    pid: int | None = flags.pid or None
    if flags.path:
        running = processes_of(flags.path)
        pid = running[0] if running else None
        selectors = () if running else (Selector("unix", f"path:{flags.path}"),)
    elif not (pid or selectors):
        pid = os.getpid()
    return Question(
        pid,
        selectors,
        SpiffeId.parse(flags.spiffe_id) if flags.spiffe_id else None,
        flags.hint,
        SpiffeId.parse(flags.agent_id) if flags.agent_id else None,
    )


def existing(path: str, flags: ExplainFlags) -> str:
    """The server's socket, if it is named or there."""
    return path if flags.server_socket_path or os.path.exists(path) else ""


COMMANDS = (
    Command(
        "explain",
        "Says why a process of this machine has no identity: what its attestors see, which entries nearly fit, whether "
        "the agent may hold them and has them, and one remedy. Root and the agent's user may ask about any process, "
        "others about themselves. Changes nothing. Exit code 1: something keeps it from its identity.",
        ExplainFlags,
        run,
        examples=(
            "finial explain -pid 4242",
            "finial explain -path /usr/local/bin/payment-api -spiffeID spiffe://example.org/payment-api",
            "finial explain -selector unix:uid:1000 -agentID spiffe://example.org/spire/agent/x509pop/a",
            "finial explain -pid 4242 -output json",
        ),
    ),
)
