"""http_challenge on the wire, for both halves: proof, challenge and the path where the nonce is looked for.

    {"hostname", "agentname", "port"}
    {"nonce": padded base64 for URLs}
    a response without meaning, then GET http://<hostname>:<port>/.well-known/.../<agentname>/challenge

SPIRE 1.15 `pkg/common/plugin/httpchallenge`.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from finial.errors import InvalidArgument
from finial.plugins.node import message
from finial.plugins.node.possession import nonce
from finial.spiffe.path import SEGMENT_CHARACTERS

NAME = "http_challenge"
MAX_HOST_NAME = 253
MAX_AGENT_NAME = 32
MAX_PORT = 65535
AGENT_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*")


@dataclass(frozen=True, slots=True)
class Claim:
    """Where an agent says that it listens."""

    host: str
    agent: str
    port: int


def path_of(agent: str) -> str:
    return f"/.well-known/spiffe/nodeattestor/http_challenge/{agent}/challenge"


def encode_proof(claim: Claim) -> bytes:
    return message.encode({"hostname": claim.host, "agentname": claim.agent, "port": claim.port})


def decode_proof(payload: bytes) -> Claim:
    """Its form is checked: nothing of it can end a line or a part of a URL. Raises: InvalidArgument."""
    failure = "failed to unmarshal data"
    found = message.decode(payload, failure)
    claim = Claim(
        message.text(found, "hostname", failure),
        message.text(found, "agentname", failure),
        message.number(found, "port", failure),
    )
    check(claim)
    return claim


def check(claim: Claim) -> None:
    """Raises: InvalidArgument."""
    if not 0 < claim.port <= MAX_PORT:
        raise InvalidArgument("port is invalid")
    if not AGENT_NAME.fullmatch(claim.agent) or len(claim.agent) > MAX_AGENT_NAME:
        raise InvalidArgument("agent name is not valid")
    if not claim.host:
        raise InvalidArgument("hostname must be set")
    dots_only = not claim.host.strip(".")
    if len(claim.host) > MAX_HOST_NAME or dots_only or not SEGMENT_CHARACTERS.issuperset(claim.host):
        raise InvalidArgument("hostname is not valid")


def new_challenge() -> tuple[str, bytes]:
    """The nonce, and the challenge that carries it."""
    made = base64.urlsafe_b64encode(nonce()).decode()
    return made, message.encode({"nonce": made})


def decode_challenge(challenge: bytes) -> str:
    """The nonce. Raises: InvalidArgument for one that is no plain text."""
    failure = "unable to unmarshal challenge"
    found = message.text(message.decode(challenge, failure), "nonce", failure)
    if not re.fullmatch(r"[A-Za-z0-9_=-]{16,128}", found):
        raise InvalidArgument(f"{failure}: nonce is not valid")
    return found
