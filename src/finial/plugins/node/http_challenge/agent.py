"""Node attestation by http_challenge, agent's half: listens while the attestation lasts, and shows the nonce.

What it serves is one path, and there one text; requests are bounded in size and time. SPIRE 1.15.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass

from finial.config.options import option
from finial.errors import Internal
from finial.plugins.node.http_challenge import exchange
from finial.plugins.node.http_challenge.exchange import MAX_PORT, NAME, Claim
from finial.plugins.node.message import of_plugin

MAX_REQUEST = 8 * 1024
REQUEST_TIMEOUT = 10.0
RESPONSE = b"\n"  # an empty one is not sent by SPIRE's agents, and not taken by its servers


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    hostname: str = option("", "The name that the server calls.", shown="the host's own")
    agentname: str = option("default", "Tells agents of one host apart.")
    port: int = option(0, "Where the agent listens. 0: a free port.")
    advertised_port: int = option(0, "Where the server is to call.", shown="`port`")


class HttpChallengeAttestor:
    """Implements `plugin.kinds.AgentNodeAttestor`. Raises: InvalidArgument for names that cannot be used."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._host = config.hostname or socket.gethostname()
        exchange.check(Claim(self._host, config.agentname, config.advertised_port or config.port or MAX_PORT))
        self._server: asyncio.Server | None = None
        self._nonce = ""

    async def payload(self) -> bytes:
        """From here on it listens. Raises: Internal if it cannot."""
        await self.close()
        listening = self._listen()
        self._server = await asyncio.start_server(self._serve, sock=listening, limit=MAX_REQUEST)
        advertised = self._config.advertised_port or listening.getsockname()[1]
        return exchange.encode_proof(Claim(self._host, self._config.agentname, advertised))

    def _listen(self) -> socket.socket:
        """On every address, of both families where there are two."""
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        try:
            return socket.create_server(("", self._config.port), family=family, dualstack_ipv6=both)
        except OSError as why:
            with of_plugin(NAME):
                raise Internal(f"could not listen on port {self._config.port}: {why.strerror}") from why

    async def respond(self, challenge: bytes) -> bytes:
        with of_plugin(NAME):
            self._nonce = exchange.decode_challenge(challenge)
        return RESPONSE

    async def close(self) -> None:
        self._nonce = ""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(request))
                await writer.drain()
        except (TimeoutError, OSError, EOFError, asyncio.LimitOverrunError):
            pass  # whoever called is no server that follows the protocol
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _answer(self, request: bytes) -> bytes:
        words = request.split(b"\r\n", 1)[0].split(b" ")
        known = words[:2] == [b"GET", exchange.path_of(self._config.agentname).encode()]
        status, body = ("200 OK", f"{self._nonce}\n") if known and self._nonce else ("404 Not Found", "")
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        return (head + body).encode()
