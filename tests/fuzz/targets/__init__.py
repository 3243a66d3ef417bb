"""All targets: importing this fills `tests.fuzz.target.TARGETS`."""

from tests.fuzz.target import TARGETS
from tests.fuzz.targets import (
    attestation,
    audit,
    calls,
    configuration,
    console,
    credentials,
    host,
    http2,
    identity,
    messages,
    network,
    node,
    signed,
    ssh,
)

__all__ = [
    "TARGETS",
    "attestation",
    "audit",
    "calls",
    "configuration",
    "console",
    "credentials",
    "host",
    "http2",
    "identity",
    "messages",
    "network",
    "node",
    "signed",
    "ssh",
]
