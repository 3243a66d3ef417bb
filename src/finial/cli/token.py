"""`token generate`: a join token, with which one agent attests once."""

from __future__ import annotations

from dataclasses import dataclass

from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.notation import read_id
from finial.cli.output import answer
from finial.cli.server_socket import AnswerFlags, calling, server
from finial.wire.pb.spire.api.server.agent.v1.agent_pb2 import CreateJoinTokenRequest

DEFAULT_TTL = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateFlags(AnswerFlags):
    ttl: int = flag(DEFAULT_TTL, "How long the token is good for, in seconds")
    spiffe_id: str = flag("", "A further SPIFFE ID for the agent that uses it", name="spiffeID")


async def generate(flags: GenerateFlags, console: Console) -> int:
    agent_id = read_id(flags.spiffe_id) if flags.spiffe_id else None
    async with server(flags) as api:
        with calling():
            token = await api.agent.CreateJoinToken(CreateJoinTokenRequest(ttl=flags.ttl, agent_id=agent_id))
    warning = () if flags.spiffe_id else ("Warning: Missing SPIFFE ID.",)
    return answer(console, flags.output, token, [f"Token: {token.value}", *warning])


COMMANDS = (
    Command(
        "token generate",
        "Makes a join token.",
        GenerateFlags,
        generate,
        examples=(
            "finial token generate -spiffeID spiffe://example.org/node",
            "finial token generate -ttl 60",
        ),
        usage_name="generate",
    ),
)
