"""What else strangers send: requests to an agent that proves its host's name, and texts that end in a log or a hint."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from tests.fuzz.target import target, text_of

from finial.cli import hints
from finial.cli.rpc_errors import as_rpc_error
from finial.errors import Unavailable
from finial.plugins.node.http_challenge import agent, exchange
from finial.runtime.log import Format, Logger, Output

NONCE = "n" * 43
AT = datetime(2026, 11, 25, tzinfo=UTC)


@target(
    "http-challenge-request",
    reads=("plugins/node/http_challenge/agent.py",),
    words=(b"GET ", b"HEAD ", exchange.path_of("a").encode(), b" HTTP/1.1", b"\r\n", b"?", b"//", b"%2f"),
    errors=(),
)
def answer(data: bytes) -> None:
    """The nonce is told to a GET of its path, and to nobody else."""
    attestor = agent.HttpChallengeAttestor(agent.Config(hostname="a.test", agentname="a"))
    attestor._nonce = NONCE
    told = attestor._answer(data + b"\r\n\r\n")
    asked = data.startswith(b"GET " + exchange.path_of("a").encode())
    assert (NONCE.encode() in told) <= asked
    assert told.count(b"\r\n\r\n") == 1


@target(
    "log-line",
    reads=("runtime/log_line.py",),
    words=(b"\n", b"\r", b'"', b"\\", b"\x1b[31m", b" level=error", b"\xc2\x85", b"\xed\xa0\x80"),
)
def log(data: bytes) -> None:
    """One record is one line, whatever is in it, and it is not lost."""
    text = text_of(data)
    for form in Format:
        raw = io.BytesIO()
        output = Output(io.TextIOWrapper(raw, "utf-8", newline="\n"), now=lambda: AT, format=form)
        Logger(output).info(text, value=text, values=[text], error=ValueError(text))
        line = raw.getvalue()
        assert output.dropped == 0 and line.count(b"\n") == 1 and line.endswith(b"\n") and b"\r" not in line
        if form is Format.JSON:
            assert units(json.loads(line)["value"]) == units(text)


def units(text: str) -> bytes:
    """Two halves that met in JSON are one character."""
    return text.encode("utf-16", "surrogatepass")


def answers() -> Iterable[bytes]:
    yield b"unknown service spire.api.server.entry.v1.Entry"
    yield b'"spiffe://a/b" is not a member of trust domain "example.org"'
    yield b'"spiffe://a/b" is not an agent in trust domain "example.org"'


@target(
    "server-message",
    reads=("cli/hints.py", "cli/rpc_errors.py"),
    made=answers,
    words=(
        b"unknown service ",
        b'"',
        b" is not a member of trust domain ",
        b'connect to "',
        b"://",
        b":",
        b"9" * 20,
    ),
    cpu=0.1,
    longest=1 << 14,
)
def explain(data: bytes) -> None:
    """What a server says, shown to a person."""
    message = text_of(data)
    as_rpc_error(Unavailable(message), peer="agent")
    hints.nobody_listens("server", message.replace("\0", ""))
