"""Node attestation by sshpop, server's half: a host certificate of a known authority, then proof that its key is held.

All that SPIRE refuses here it answers with Internal, so do we. SPIRE 1.15 `sshpop`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from finial.config.options import option
from finial.errors import FinialError, Internal, InvalidArgument
from finial.plugin.kinds import AttestedNode, Challenge, ServerHost
from finial.plugins.node.agent_path import Names, parse_template, templated_id
from finial.plugins.node.message import of_plugin
from finial.plugins.node.sshpop import certificate, exchange
from finial.plugins.node.sshpop.certificate import HostCertificate
from finial.plugins.node.sshpop.exchange import NAME
from finial.template.values import Record, Value

TEMPLATE = "/{{ .PluginName }}/{{ .Fingerprint }}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    cert_authorities: tuple[str, ...] = option((), "Trusted authorities, in the form of `authorized_keys`.")
    cert_authorities_path: str = option("", "File of further ones, one a line.")
    canonical_domain: str = option("", "Domain that a certificate's first principal must be in.")
    agent_path_template: str = option(
        "",
        "Path of the agent's ID below `/spire/agent`, as a template over the certificate.",
        shown=f"`{TEMPLATE}`",
    )


class SshPop:
    """Implements `plugin.kinds.ServerNodeAttestor`. Raises: InvalidArgument for what cannot be used."""

    def __init__(self, config: Config, host: ServerHost) -> None:
        self._domain, self._host = config.canonical_domain, host
        self._authorities = authorities_of(config)
        self._template = parse_template(config.agent_path_template or TEMPLATE)

    async def attest(self, payload: bytes, challenge: Challenge) -> AttestedNode:
        """Raises: Internal for a proof that cannot be read or is refused; PermissionDenied for a name that
        adds segments to the agent's path."""
        with of_plugin(NAME):
            found, hostname = await asyncio.to_thread(self._check, payload)
        nonce, question = exchange.new_challenge()
        response = await challenge(question)
        with of_plugin(NAME):
            try:
                exchange.verify(found.key, nonce, response)
            except InvalidArgument as why:
                raise Internal(why.message) from why
            return self._node(found, hostname)

    def _check(self, payload: bytes) -> tuple[HostCertificate, str]:
        """The certificate, and the host's name within the canonical domain."""
        try:
            found = certificate.read(exchange.decode_proof(payload))
        except InvalidArgument as why:
            raise Internal(why.message) from why
        try:
            found.check(self._authorities, self._host.now())
        except InvalidArgument as why:
            raise Internal(f"failed to check host key: {why.message}") from why
        return found, self._hostname(found.principals[0])

    def _hostname(self, principal: str) -> str:
        if not self._domain:
            return principal
        suffix = f".{self._domain}"
        if not principal.endswith(suffix):
            raise Internal(f'failed to decanonicalize hostname: cert principal is not in domain "{suffix}"')
        return principal.removesuffix(suffix)

    def _node(self, found: HostCertificate, hostname: str) -> AttestedNode:
        try:
            agent = templated_id(
                self._host.trust_domain,
                self._template,
                lambda names: template_data(found, hostname, names),
            )
        except Internal as why:
            raise why.within("failed to create AgentID") from why
        return AttestedNode(agent, can_reattest=True)


def template_data(found: HostCertificate, hostname: str, names: Names) -> Value:
    """The plain fields of Go's `ssh.Certificate`, beside SPIRE's own."""
    parsed = found.parsed
    extensions = {
        key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for key, value in parsed.extensions.items()
    }
    fields: dict[str, Value] = {
        "PluginName": NAME,
        "Fingerprint": found.fingerprint,
        "Hostname": names(hostname),
        "ValidPrincipals": [names(one) for one in found.principals],
        "KeyId": names(parsed.key_id.decode("utf-8", "replace")),
        "Serial": parsed.serial,
        "CertType": parsed.type.value,
        "ValidAfter": parsed.valid_after,
        "ValidBefore": parsed.valid_before,
        "Extensions": MappingProxyType({key: names(value) for key, value in extensions.items()}),
    }
    return Record("sshpop.agentPathTemplateData", MappingProxyType(fields))


def authorities_of(config: Config) -> frozenset[bytes]:
    """Of the list and of the file. Raises: InvalidArgument, in SPIRE's words."""
    if not config.cert_authorities and not config.cert_authorities_path:
        raise InvalidArgument(
            'missing required config value for "cert_authorities" or "cert_authorities_path"'
        )
    lines = [*config.cert_authorities, *_lines(config.cert_authorities_path)]
    try:
        return frozenset(certificate.authority(one) for one in lines)
    except FinialError as why:
        raise why.within("failed to create cert checker") from why


def _lines(path: str) -> list[str]:
    if not path:
        return []
    failure = "failed to get cert authorities from file"
    try:
        lines = [one for one in Path(path).read_text(errors="replace").split("\n") if one]
    except OSError as why:
        raise InvalidArgument(f"{failure}: open {path}: {(why.strerror or str(why)).lower()}") from why
    if not lines:
        raise InvalidArgument(f'{failure}: no data found in file: "{path}"')
    return lines
