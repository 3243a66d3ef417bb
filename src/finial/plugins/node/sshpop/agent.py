"""Node attestation by sshpop, agent's half: the host's SSH certificate, and its key's signature. SPIRE 1.15."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_ssh_private_key,
)

from finial.config.options import option
from finial.errors import FinialError, InvalidArgument
from finial.plugins.node.message import of_plugin
from finial.plugins.node.sshpop import certificate, exchange
from finial.plugins.node.sshpop.exchange import NAME, PrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    host_key_path: str = option(
        "/etc/ssh/ssh_host_rsa_key", "The host's private key, in OpenSSH's form or PEM."
    )
    host_cert_path: str = option("/etc/ssh/ssh_host_rsa_key-cert.pub", "The host's certificate.")


class SshPopAttestor:
    """Implements `plugin.kinds.AgentNodeAttestor`. Raises: InvalidArgument for files that cannot be used."""

    def __init__(self, config: Config) -> None:
        self._key = load_key(config.host_key_path)
        self._certificate = load_certificate(config.host_cert_path, self._key)

    async def payload(self) -> bytes:
        return exchange.encode_proof(self._certificate)

    async def respond(self, challenge: bytes) -> bytes:
        with of_plugin(NAME):
            return exchange.respond(self._key, challenge)

    async def close(self) -> None:
        """Nothing is held."""


def load_key(path: str) -> PrivateKey:
    """Raises: InvalidArgument, never with content of the file."""
    data = _content(path, "failed to read host key file")
    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        key = load(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidArgument(
            f'failed to get cert and signer from pem: "{path}" holds no private key'
        ) from None
    if not isinstance(key, PrivateKey):
        raise InvalidArgument(
            f'failed to get cert and signer from pem: key type of "{path}" is not supported'
        )
    return key


def load_certificate(path: str, key: PrivateKey) -> bytes:
    """The certificate's own bytes. Raises: InvalidArgument, also for one of another key."""
    failure = "failed to get cert and signer from pem"
    words = _content(path, "failed to read host cert file").split()
    try:
        data = base64.b64decode(words[1], validate=True)
        found = certificate.read(data)
    except (IndexError, binascii.Error) as why:
        raise InvalidArgument(f'{failure}: "{path}" holds no SSH certificate') from why
    except FinialError as why:
        raise why.within(failure) from why
    if certificate.encoded(found.key) != certificate.encoded(key.public_key()):
        raise InvalidArgument(f'{failure}: the certificate "{path}" is for another key')
    return data


def _content(path: str, failure: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as why:
        raise InvalidArgument(f"{failure}: open {path}: {(why.strerror or str(why)).lower()}") from why
