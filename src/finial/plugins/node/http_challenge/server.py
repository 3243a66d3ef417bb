"""Node attestation by http_challenge, server's half: a nonce given to the caller must be found at the host it names.

Any program of a host can listen above port 1023, so there the first to attest is believed, and nobody after it
until the agent is evicted. SPIRE 1.15 `http_challenge`.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from finial.config.options import option
from finial.errors import FinialError, InvalidArgument, PermissionDenied
from finial.plugin.kinds import AttestedNode, Challenge, ServerHost
from finial.plugins.node.http_challenge import exchange
from finial.plugins.node.http_challenge.exchange import NAME, Claim
from finial.plugins.node.http_challenge.fetch import fetch
from finial.plugins.node.message import of_plugin
from finial.spiffe.id import agent_id
from finial.spiffe.selector import Selector
from finial.template.regex import Regex

FIRST_OPEN_PORT = 1024  # any user may listen from here on

Fetch = Callable[[Claim], Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    allowed_dns_patterns: tuple[str, ...] = option(
        (), "Regular expressions (Go's), one of which must match somewhere in the host name. None: any name."
    )
    required_port: int = option(0, "The only port that agents may name. 0: any.")
    allow_non_root_ports: bool = option(True, "Whether agents may name ports from 1024 on.")
    tofu: bool = option(
        True, "Whether a host attests once only. May be off only where ports below 1024 are required."
    )


class HttpChallenge:
    """Implements `plugin.kinds.ServerNodeAttestor`. `fetch` answers what is found at a claim's place.

    Raises: InvalidArgument for patterns and combinations that cannot be used.
    """

    def __init__(self, config: Config, host: ServerHost, fetch: Fetch = fetch) -> None:
        check(config)
        self._config, self._host, self._fetch = config, host, fetch
        self._patterns = [compiled(one) for one in config.allowed_dns_patterns]

    async def attest(self, payload: bytes, challenge: Challenge) -> AttestedNode:
        """Raises: InvalidArgument for a claim that cannot be one, PermissionDenied for one that is refused."""
        with of_plugin(NAME):
            claim = exchange.decode_proof(payload)
            self._check_allowed(claim)
        nonce, question = exchange.new_challenge()
        await challenge(question)  # the response has no meaning
        with of_plugin(NAME):
            found = await self._fetch(claim)
            if not hmac.compare_digest(found.encode(), nonce.encode()):
                raise PermissionDenied(
                    "challenge verification failed: expected nonce was not found in HTTP response"
                )
            return await self._node(claim)

    def _check_allowed(self, claim: Claim) -> None:
        config = self._config
        if config.required_port and claim.port != config.required_port:
            raise InvalidArgument(f"port {claim.port} is not allowed to be used by this server")
        if not config.allow_non_root_ports and claim.port >= FIRST_OPEN_PORT:
            raise InvalidArgument(f"port {claim.port} is not allowed to be >= {FIRST_OPEN_PORT}")
        if claim.host.lower().rstrip(".") == "localhost":
            raise PermissionDenied("you can not use localhost as a hostname")
        if self._patterns and not any(one.search(claim.host) for one in self._patterns):
            raise PermissionDenied("the requested hostname is not allowed to connect")

    async def _node(self, claim: Claim) -> AttestedNode:
        node = agent_id(self._host.trust_domain, f"/{NAME}/{claim.host}")
        if self._config.tofu and await self._host.is_attested(node):
            raise PermissionDenied("attestation data has already been used to attest an agent")
        selectors = (Selector(NAME, f"hostname:{claim.host}"),)
        tofu = self._config.tofu
        return AttestedNode(node, selectors, can_reattest=not tofu, once=tofu)


def check(config: Config) -> None:
    """Raises: InvalidArgument, in SPIRE's words."""
    if not 0 <= config.required_port <= exchange.MAX_PORT:
        raise InvalidArgument(f'required_port "{config.required_port}" is not a port')
    if config.required_port:
        open_ports = config.required_port >= FIRST_OPEN_PORT
    else:
        open_ports = config.allow_non_root_ports
    if open_ports and not config.tofu:
        raise InvalidArgument(
            "you can not turn off trust on first use (TOFU) when non-root ports are allowed"
        )


def compiled(pattern: str) -> Regex:
    """Raises: InvalidArgument."""
    try:
        return Regex.compile(pattern)
    except FinialError as why:
        raise why.within(f'cannot compile allowed_dns_pattern: "{pattern}"') from why
