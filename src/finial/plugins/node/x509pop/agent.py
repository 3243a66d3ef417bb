"""Node attestation by x509pop, agent's half: the certificate of the node, and its key's signature. SPIRE 1.15.

Files are read when the agent starts, to find mistakes early, and again for each proof, so that renewed ones count.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from finial.config.options import option, refused
from finial.errors import InvalidArgument
from finial.plugin.kinds import PrivateKey
from finial.plugins.node.message import of_plugin
from finial.plugins.node.x509pop import exchange
from finial.plugins.node.x509pop.exchange import NAME
from finial.svid.certificate import read

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    private_key_path: str = option("", "PEM file of the node's private key, PKCS#1, PKCS#8 or SEC 1.")
    certificate_path: str = option("", "PEM file of the node's certificate and, after it, intermediates.")
    intermediates_path: str = option("", "PEM file of further intermediates.")
    spiffe_endpoint_socket: str = option(
        "",
        "Workload API that the node's certificate is fetched from.",
        status=refused(
            "the proof is read from files only; point certificate_path at an SVID that is kept fresh"
        ),
    )


@dataclass(frozen=True, slots=True)
class Identity:
    """DER, leaf first, and the leaf's key."""

    chain: tuple[bytes, ...]
    key: PrivateKey = field(repr=False)


class X509PopAttestor:
    """Implements `plugin.kinds.AgentNodeAttestor`. Raises: InvalidArgument for files that cannot be used."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._key = load(config).key

    async def payload(self) -> bytes:
        """Raises: InvalidArgument."""
        with of_plugin(NAME):
            identity = await asyncio.to_thread(load, self._config)
        self._key = identity.key
        return exchange.encode_proof(identity.chain)

    async def respond(self, challenge: bytes) -> bytes:
        with of_plugin(NAME):
            return exchange.respond(self._key, challenge)

    async def close(self) -> None:
        """Nothing is held."""


def load(config: Config) -> Identity:
    """Raises: InvalidArgument, never with content of the files."""
    for name in ("private_key_path", "certificate_path"):
        if not getattr(config, name):
            raise InvalidArgument(f"{name} is required")
    failure = "unable to load keypair"
    key = _key(config.private_key_path, failure)
    chain = _certificates(config.certificate_path, failure)
    if read(chain[0]).public_key != _public(key):
        raise InvalidArgument(f"{failure}: private key does not match public key")
    if config.intermediates_path:
        chain += _certificates(config.intermediates_path, "unable to load intermediate certificates")
    return Identity(chain, key)


def _public(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _key(path: str, failure: str) -> PrivateKey:
    try:
        key = load_pem_private_key(_content(path, failure), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidArgument(f'{failure}: "{path}" holds no private key in PEM') from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise InvalidArgument(f'{failure}: "{path}" holds a key that is neither RSA nor ECDSA')
    return key


def _certificates(path: str, failure: str) -> tuple[bytes, ...]:
    """At least one; other PEM blocks are passed over."""
    try:
        pem = _content(path, failure).decode("ascii", "replace")
        blocks = [one.partition(END)[0] for one in pem.split(BEGIN)[1:]]
        found = tuple(ssl.PEM_cert_to_DER_cert(f"{BEGIN}{one}{END}") for one in blocks)
    except ValueError:
        found = ()
    if not found:
        raise InvalidArgument(f'{failure}: "{path}" holds no certificate in PEM')
    return found


def _content(path: str, failure: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as why:
        raise InvalidArgument(f"{failure}: open {path}: {(why.strerror or str(why)).lower()}") from why
