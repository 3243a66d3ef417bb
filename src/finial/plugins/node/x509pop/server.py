"""Node attestation by x509pop, server's half: a chain to a known CA, then proof that the leaf's key is held.

Mode `external_pki` trusts the CAs of files, mode `spiffe` the server's own bundle: there a workload's SVID below a
prefix is exchanged for an agent's. SPIRE 1.15 `x509pop`.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from finial.config.options import one_of, option
from finial.errors import FinialError, Internal, InvalidArgument, PermissionDenied
from finial.plugin.kinds import AttestedNode, Challenge, ServerHost
from finial.plugins.node.agent_path import parse_template, templated_id
from finial.plugins.node.message import of_plugin
from finial.plugins.node.x509pop import chain, exchange, facts
from finial.plugins.node.x509pop.chain import Limits, Trusted
from finial.plugins.node.x509pop.exchange import NAME
from finial.spiffe.bundle_document import parse_pem
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import SCHEME, TrustDomain
from finial.svid.certificate import MAX_RSA_BITS, Certificate, read

EXTERNAL, SPIFFE = "external_pki", "spiffe"
TEMPLATES = {
    EXTERNAL: "/{{ .PluginName }}/{{ .Fingerprint }}",
    SPIFFE: "/{{ .PluginName }}/{{ .SVIDPathTrimmed }}",
}
MAX_INTERMEDIATES = 7  # with the leaf, what `svid.verify` follows


def above_zero(name: str, most: int) -> Callable[[int], int]:
    def check(value: int) -> int:
        if value <= 0:
            raise InvalidArgument(f"{name} must be greater than 0")
        if value > most:
            raise InvalidArgument(f"{name} {value} is not supported: at most {most} is")
        return value

    return check


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    mode: str = option(
        EXTERNAL,
        "`external_pki`: the CAs of `ca_bundle_path` are trusted. `spiffe`: the server's own bundle is.",
        parse=one_of(EXTERNAL, SPIFFE, sentence="mode can only be either spiffe or external_pki"),
    )
    spiffe_prefix: str = option(
        "/spire-exchange/", "In mode `spiffe`: where IDs that are exchanged are. `/` is everywhere."
    )
    ca_bundle_path: str = option("", "PEM file of the trusted CAs.")
    ca_bundle_paths: tuple[str, ...] = option((), "PEM files of the trusted CAs.")
    agent_path_template: str = option(
        "",
        "Path of the agent's ID below `/spire/agent`, as a template over the certificate.",
        shown="`/{{ .PluginName }}/{{ .Fingerprint }}`; in mode `spiffe` `/{{ .PluginName }}/{{ .SVIDPathTrimmed }}`",
    )
    max_intermediates: int = option(
        4,
        "Most intermediates that a node may send.",
        check=above_zero("max_intermediates", MAX_INTERMEDIATES),
    )
    max_rsa_key_size: int = option(
        8192,
        "Largest RSA key in a node's chain.",
        unit="bits",
        check=above_zero("max_rsa_key_size", MAX_RSA_BITS),
    )
    verify_client_ip: bool = option(
        False, "Whether the node's IP address, as the server sees it, must be in its certificate."
    )


class X509Pop:
    """Implements `plugin.kinds.ServerNodeAttestor`. Raises: InvalidArgument for files and templates."""

    def __init__(self, config: Config, host: ServerHost) -> None:
        self._config, self._host = config, host
        self._template = parse_template(config.agent_path_template or TEMPLATES[config.mode])
        self._limits = Limits(config.max_intermediates, config.max_rsa_key_size)
        self._prefix = config.spiffe_prefix.removesuffix("/") + "/"
        self._roots = roots_of(config, host.trust_domain)

    async def attest(self, payload: bytes, challenge: Challenge) -> AttestedNode:
        """Raises: InvalidArgument for a proof that cannot be read, PermissionDenied for one that is refused."""
        with of_plugin(NAME):
            presented = exchange.decode_proof(payload)
            roots = await self._trusted_roots()
            now = datetime.fromtimestamp(self._host.now(), UTC)
            trusted = await asyncio.to_thread(chain.verify, presented, roots, self._limits, now)
            self._check_address(trusted.leaf)
            key = trusted.key
        nonce, question = exchange.new_challenge(key)
        response = await challenge(question)
        with of_plugin(NAME):
            exchange.verify(key, nonce, response)
            return self._node(trusted)

    async def _trusted_roots(self) -> Sequence[Certificate]:
        if self._config.mode == EXTERNAL:
            return self._roots
        try:
            return [read(der) for der in await self._host.x509_roots()]
        except FinialError as why:
            raise Internal(f"failed to get trust bundle: {why.message}") from why

    def _check_address(self, leaf: Certificate) -> None:
        if not self._config.verify_client_ip:
            return
        told = self._host.caller_address()
        if not told:
            raise Internal("client IP not available for verification")
        address = plain_address(told)
        if address not in [plain_address(one) for one in facts.ip_addresses(leaf)]:
            raise PermissionDenied(f"client IP {address} does not match any certificate IP SAN")

    def _node(self, trusted: Trusted) -> AttestedNode:
        leaf, domain = trusted.leaf, self._host.trust_domain
        svid_path = self._svid_path(leaf) if self._config.mode == SPIFFE else ""
        san = facts.uri_facts(leaf.uris, domain)
        try:
            agent = templated_id(
                domain,
                self._template,
                lambda names: facts.template_data(leaf, domain, san, svid_path, names),
            )
        except Internal as why:
            raise why.within("failed to make spiffe id") from why
        return AttestedNode(agent, facts.selectors(leaf, trusted.paths, san), can_reattest=True)

    def _svid_path(self, leaf: Certificate) -> str:
        """Below the prefix. Raises: PermissionDenied."""
        held = next((uri for uri in leaf.uris if uri.startswith(SCHEME)), "")
        try:
            svid_id = SpiffeId.parse(held)
        except FinialError:
            raise PermissionDenied("valid SVID x509 cert not found") from None
        if svid_id.trust_domain != self._host.trust_domain or not svid_id.path.startswith(self._prefix):
            raise PermissionDenied("x509 cert doesnt match SVID prefix")
        return svid_id.path.removeprefix(self._prefix)


def plain_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An IPv4 address within IPv6 is the IPv4 one. Raises: Internal."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise Internal(f'invalid client IP "{text}"') from None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def roots_of(config: Config, trust_domain: TrustDomain) -> tuple[Certificate, ...]:
    """Of the files. Raises: InvalidArgument, in SPIRE's words."""
    paths = config.ca_bundle_paths or ((config.ca_bundle_path,) if config.ca_bundle_path else ())
    if config.mode == SPIFFE:
        if paths:
            raise InvalidArgument("you can not use ca_bundle_path or ca_bundle_paths in spiffe mode")
        return ()
    if config.ca_bundle_path and config.ca_bundle_paths:
        raise InvalidArgument("only one of ca_bundle_path or ca_bundle_paths can be configured, not both")
    if not paths:
        raise InvalidArgument("one of ca_bundle_path or ca_bundle_paths must be configured")
    return tuple(one for path in paths for one in _load(path, trust_domain))


def _load(path: str, trust_domain: TrustDomain) -> list[Certificate]:
    try:
        bundle = parse_pem(Path(path).read_bytes(), trust_domain)
        return [read(der) for der in bundle.x509_roots]
    except OSError as why:
        reason = f"open {path}: {(why.strerror or str(why)).lower()}"
        raise InvalidArgument(f'unable to load trust bundle "{path}": {reason}') from why
    except FinialError as why:
        raise InvalidArgument(f'unable to load trust bundle "{path}": {why.message}') from why
