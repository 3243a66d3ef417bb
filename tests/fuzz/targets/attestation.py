"""What a node that nobody knows yet sends, and what a server's challenge tells an agent."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterable

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from tests.fuzz.mutate.der import by_der
from tests.fuzz.mutate.json import by_json
from tests.fuzz.target import target
from tests.fuzz.targets.credentials import EXAMPLE, JSON_WORDS, authority, chains, leaf

from finial.errors import FinialError
from finial.plugins.node import agent_path, message
from finial.plugins.node.http_challenge import exchange as http
from finial.plugins.node.http_challenge.fetch import fetch
from finial.plugins.node.x509pop import chain, facts
from finial.plugins.node.x509pop import exchange as x509pop
from finial.plugins.node.x509pop.server import plain_address
from finial.svid import x509
from finial.svid.certificate import read
from finial.template import Template

NONCE = b"n" * 32
ALL_FACTS = Template.parse(
    "/{{ .PluginName }}/{{ .Fingerprint }}/{{ .Subject.CommonName }}{{ .Issuer }}{{ .NotBefore }}{{ .IPAddresses }}"
)


by_payload = by_json(
    ("certificates", "ecdsa_signature", "rsa_signature", "nonce", "r", "s", "signature", "Nonce", "Signature", "Certificate",
     "Format", "Blob", "Rest", "hostname", "agentname", "port"),
    ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-256", "a.test", "agent", 8080, 65536, [None], ["AA=="]),
)  # fmt: skip


def ignored(_: object) -> None:
    """A refusal counts as an answer."""


@target(
    "attestation-json",
    reads=("plugins/node/message.py",),
    words=(*JSON_WORDS, b'"nonce"', b'"Nonce"', b'"rsa_signature"', b'"hostname"', b'"port"'),
    mutate=by_payload,
)
def read_message(data: bytes) -> None:
    found = message.decode(data, "x")
    assert message.decode(message.encode(found), "x") == found
    for read_part in (message.text, message.number, message.data_of, message.part):
        try:
            read_part(found, "nonce", "x")
        except FinialError as why:
            ignored(why)


def x509_proofs() -> Iterable[bytes]:
    yield x509pop.encode_proof(leaf().chain)
    yield x509pop.encode_proof(authority().leaf(uris=("x509pop://example.org/a/b",)).chain)


@target(
    "x509pop-proof",
    reads=("plugins/node/x509pop/exchange.py",),
    made=x509_proofs,
    words=(*JSON_WORDS, b'"certificates"'),
    mutate=by_payload,
)
def read_x509_proof(data: bytes) -> None:
    found = x509pop.decode_proof(data)
    assert x509pop.decode_proof(x509pop.encode_proof(found)) == found


def x509pop_chains() -> Iterable[bytes]:
    yield from chains()
    uris = ("x509pop://example.org/group/web", "x509pop://example.org/a%2fb/c/d", "x509pop://other.org/a/b")
    yield authority().leaf(uris=uris).chain[0]
    yield authority().der


@target(
    "x509pop-chain",
    reads=(
        "plugins/node/x509pop/chain.py",
        "plugins/node/x509pop/facts.py",
        "plugins/node/x509pop/server.py",
        "plugins/node/agent_path.py",
    ),
    made=x509pop_chains,
    words=(b"x509pop://example.org/", b"spiffe://example.org/"),
    mutate=by_der,
)
def verify_x509_proof(data: bytes) -> None:
    """Facts are told of verified leaves only; here of any, so that all of their reading is tried."""
    parts = x509.split_der(data)
    if not parts:
        return  # `decode_proof` lets no empty chain through
    try:
        trusted = chain.verify(parts, (read(authority().der),), chain.Limits(4, 4096), authority().now)
        ignored(trusted.key)
    except FinialError as why:
        ignored(why)
    found = read(parts[0])
    san = facts.uri_facts(found.uris, EXAMPLE)
    facts.selectors(found, ((found,),), san)
    for address in facts.ip_addresses(found):
        plain_address(address)
    agent_path.templated_id(
        EXAMPLE, ALL_FACTS, lambda names: facts.template_data(found, EXAMPLE, san, "", names)
    )


@functools.cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@functools.cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))


def x509_answers() -> Iterable[bytes]:
    for key in (leaf().private_key, rsa_key()):
        _, challenge = x509pop.new_challenge(key.public_key())
        yield challenge
        yield x509pop.respond(key, challenge)


def refused(verify: Callable[[], None]) -> None:
    """Of a response to another challenge than ours."""
    try:
        verify()
    except FinialError as why:
        ignored(why)
    else:
        raise AssertionError("a response to another challenge was believed")


@target(
    "x509pop-exchange",
    reads=("plugins/node/x509pop/exchange.py",),
    made=x509_answers,
    words=(*JSON_WORDS, b'"ecdsa_signature"', b'"rsa_signature"', b'"nonce"', b'"r"', b'"s"', b'"signature"'),
    mutate=by_payload,
)
def exchange_x509(data: bytes) -> None:
    """Once as a challenge to an agent, once as a response to a server."""
    for key in (leaf().private_key, rsa_key()):
        refused(lambda key=key: x509pop.verify(key.public_key(), NONCE, data))  # type: ignore[misc]  # of a default
        try:
            x509pop.respond(key, data)
        except FinialError as why:
            ignored(why)


@target(
    "http-challenge",
    reads=("plugins/node/http_challenge/exchange.py",),
    words=(
        *JSON_WORDS,
        b'"hostname"',
        b'"agentname"',
        b'"port"',
        b'"nonce"',
        b'"a.test"',
        b'"agent"',
        b"8080",
    ),
    mutate=by_payload,
)
def read_http_proof(data: bytes) -> None:
    try:
        http.decode_challenge(data)
    except FinialError as why:
        ignored(why)
    claim = http.decode_proof(data)
    assert http.decode_proof(http.encode_proof(claim)) == claim
    assert not set("\r\n \t/?#@\\") & set(claim.host + claim.agent)


@target(
    "http-answer",
    reads=("plugins/node/http_challenge/fetch.py",),
    words=(
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 302 Found\r\n",
        b"\r\n\r\n",
        b"Location: http://127.0.0.1/\r\n",
        b"n" * 70,
    ),
    cpu=2.0,
)
def fetch_nonce(data: bytes) -> None:
    """What a host answers that a caller named, over a real connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        writer.close()
        await writer.wait_closed()

    async def once() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            claim = http.Claim("a.test", "agent", port)
            found = await fetch(claim, resolve=local, allowed=lambda _: True, timeout=5)
            assert len(found) <= 64

    asyncio.run(once())


async def local(_: str) -> list[str]:
    return ["127.0.0.1"]
