"""What a node with an SSH host certificate sends."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.fuzz.target import target, text_of
from tests.fuzz.targets.attestation import NONCE, by_payload, ed25519_key, ignored, refused, rsa_key
from tests.fuzz.targets.credentials import EXAMPLE, JSON_WORDS, leaf

from finial.errors import FinialError
from finial.plugins.node import agent_path, message
from finial.plugins.node.sshpop import certificate as ssh
from finial.plugins.node.sshpop import exchange as sshpop
from finial.plugins.node.sshpop.server import template_data as ssh_data
from finial.template import Template
from finial.testing.node import NodeHost, SshAuthority

SSH_FACTS = Template.parse("/{{ .Fingerprint }}/{{ .Hostname }}{{ .KeyId }}{{ .Extensions }}{{ .Serial }}")


@functools.cache
def ssh_host() -> tuple[bytes, str]:
    """A certificate, and the line of its authority."""
    signer = SshAuthority()
    with tempfile.TemporaryDirectory() as folder:
        _, public = signer.host(Path(folder), critical=True)
        words = public.read_text().split()
    return message.from_text(words[1], "seed"), signer.line


def ssh_certificates() -> Iterable[bytes]:
    yield ssh_host()[0]


@target(
    "ssh-certificate",
    reads=("plugins/node/sshpop/certificate.py", "plugins/node/sshpop/server.py"),
    made=ssh_certificates,
)
def read_ssh_certificate(data: bytes) -> None:
    found = ssh.read(data)
    try:
        found.check({ssh.authority(ssh_host()[1])}, NodeHost().now())
    except FinialError as why:
        ignored(why)
    agent_path.templated_id(EXAMPLE, SSH_FACTS, lambda names: ssh_data(found, found.principals[0], names))


def ssh_answers() -> Iterable[bytes]:
    _, challenge = sshpop.new_challenge()
    yield challenge
    for key in (leaf().private_key, rsa_key(), ed25519_key()):
        yield sshpop.respond(key, challenge)
    yield sshpop.encode_proof(ssh_host()[0])


@target(
    "sshpop-exchange",
    reads=("plugins/node/sshpop/exchange.py",),
    made=ssh_answers,
    words=(*JSON_WORDS, b'"nonce"', b'"signature"', b'"format"', b'"blob"', b'"ecdsa-sha2-nistp256"'),
    mutate=by_payload,
)
def exchange_ssh(data: bytes) -> None:
    for key in (leaf().private_key, rsa_key(), ed25519_key()):
        refused(lambda key=key: sshpop.verify(key.public_key(), NONCE, data))  # type: ignore[misc]  # of a default
    for read_one in (sshpop.decode_proof, lambda one: sshpop.respond(leaf().private_key, one)):
        try:
            read_one(data)
        except FinialError as why:
            ignored(why)


@target("ssh-signature", reads=("plugins/node/sshpop/exchange.py",), errors=(Exception,))
def read_ssh_signature(data: bytes) -> None:
    """The blob inside; its faults are those that `sshpop.verify` takes."""
    keys = {
        "ecdsa-sha2-nistp256": leaf().private_key,
        "rsa-sha2-512": rsa_key(),
        "ssh-ed25519": ed25519_key(),
    }
    for form, key in keys.items():
        blob = {"Format": form, "Blob": message.to_text(data), "Rest": None}
        response = json.dumps({"Nonce": message.to_text(NONCE), "Signature": blob}).encode()
        refused(lambda key=key, response=response: sshpop.verify(key.public_key(), NONCE, response))  # type: ignore[misc]


def ssh_lines() -> Iterable[bytes]:
    yield ssh_host()[1].encode()


@target(
    "ssh-authority",
    reads=("plugins/node/sshpop/certificate.py",),
    made=ssh_lines,
    words=(b"ssh-rsa ", b"ecdsa-", b" "),
)
def read_ssh_authority(data: bytes) -> None:
    ssh.authority(text_of(data))
