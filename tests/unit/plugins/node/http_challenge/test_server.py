"""http_challenge, server's half: which claims are looked at, and what must be found."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from finial.errors import FinialError, InvalidArgument, PermissionDenied
from finial.plugin.kinds import AttestedNode
from finial.plugins.node.http_challenge.exchange import Claim
from finial.plugins.node.http_challenge.server import Config, HttpChallenge, check
from finial.testing.node import NodeHost


def attest(
    claim: object, host: NodeHost | None = None, found: str | None = None, config: Config | None = None
) -> AttestedNode:
    """What is found is the nonce unless told."""
    shown: list[str] = []

    async def challenge(data: bytes) -> bytes:
        shown.append(json.loads(data)["nonce"])
        return b"\n"

    async def fetch(_: Claim) -> str:
        return shown[0] if found is None else found

    payload = claim if isinstance(claim, bytes) else json.dumps(claim).encode()
    return asyncio.run(
        HttpChallenge(config or Config(), host or NodeHost(), fetch).attest(payload, challenge)
    )


def claim(host: str = "p1.example.com", agent: str = "default", port: int = 80) -> dict[str, object]:
    return {"hostname": host, "agentname": agent, "port": port}


def test_a_host_is_named_by_its_name_once() -> None:
    host = NodeHost()
    found = attest(claim(), host)
    assert found.agent_id.path == "/spire/agent/http_challenge/p1.example.com"
    assert [str(one) for one in found.selectors] == ["http_challenge:hostname:p1.example.com"]
    assert not found.can_reattest
    host.attested.add(found.agent_id)
    with pytest.raises(
        PermissionDenied, match=r"^nodeattestor\(http_challenge\): attestation data has already been used"
    ):
        attest(claim(), host)


def test_where_only_root_listens_a_host_may_come_again() -> None:
    host = NodeHost()
    config = Config(tofu=False, required_port=80)
    host.attested.add(attest(claim(), host, config=config).agent_id)
    assert attest(claim(), host, config=config).can_reattest


@pytest.mark.parametrize("found", ["", "other", "AAAA"])
def test_another_nonce_is_refused(found: str) -> None:
    with pytest.raises(PermissionDenied, match="expected nonce was not found in HTTP response"):
        attest(claim(), found=found)


@pytest.mark.parametrize(
    ("bad", "text"),
    [(claim(port=0), "port is invalid"), (claim(port=70000), "port is invalid"), (claim(port=-1), "port is invalid"),
     (claim(agent=""), "agent name is not valid"), (claim(agent="a/../b"), "agent name is not valid"),
     (claim(agent="a" * 33), "agent name is not valid"), (claim(agent="1a"), "agent name is not valid"),
     (claim(agent="a\r\nX: y"), "agent name is not valid"), (claim(agent="a\n"), "agent name is not valid"),
     (claim(host=""), "hostname must be set"), (claim(host="a/b"), "hostname is not valid"),
     (claim(host="a:80"), "hostname is not valid"), (claim(host="user@a"), "hostname is not valid"),
     (claim(host="a\r\nb"), "hostname is not valid"), (claim(host=".."), "hostname is not valid"),
     (claim(host="a" * 254), "hostname is not valid"), (claim(host="[::1]"), "hostname is not valid"),
     (b"nope", "failed to unmarshal data"), ({"hostname": 3}, "failed to unmarshal data"),
     ({"hostname": "a", "agentname": "a", "port": "80"}, "failed to unmarshal data"),
     ({"hostname": "a", "agentname": "a", "port": 1.5}, "failed to unmarshal data")],
)  # fmt: skip
def test_a_claim_that_is_none_is_refused(bad: object, text: str) -> None:
    with pytest.raises(InvalidArgument, match=rf"^nodeattestor\(http_challenge\): {text}"):
        attest(bad)


@pytest.mark.parametrize(
    ("bad", "options", "kind", "text"),
    [(claim(port=81), {"required_port": 80}, InvalidArgument, "port 81 is not allowed to be used by this server"),
     (claim(port=1024), {"allow_non_root_ports": False}, InvalidArgument, "port 1024 is not allowed to be >= 1024"),
     (claim(host="localhost"), {}, PermissionDenied, "you can not use localhost as a hostname"),
     (claim(host="LocalHost."), {}, PermissionDenied, "you can not use localhost as a hostname"),
     (claim(host="q1.example.com"), {"allowed_dns_patterns": (r"^p[0-9]\.example\.com$", "^x$")}, PermissionDenied,
      "the requested hostname is not allowed to connect"),
     (claim(host="a" * 250 + "!"), {"allowed_dns_patterns": ("(a*)*b",)}, InvalidArgument, "hostname is not valid"),
     (claim(host="a" * 250), {"allowed_dns_patterns": ("^(a+)+b$",)}, PermissionDenied, "the requested hostname")],
)  # fmt: skip
def test_what_the_operator_does_not_allow_is_refused(
    bad: object, options: dict[str, object], kind: type[FinialError], text: str
) -> None:
    with pytest.raises(kind, match=text):
        attest(bad, config=replace(Config(), **options))  # type: ignore[arg-type]  # of parameters


def test_one_pattern_that_matches_is_enough() -> None:
    config = Config(allowed_dns_patterns=("^x$", r"p[0-9]\.example"))
    assert attest(claim(), config=config).agent_id.path.endswith("/p1.example.com")


@pytest.mark.parametrize(
    ("options", "allowed"),
    [({}, True), ({"tofu": False}, False), ({"tofu": False, "allow_non_root_ports": False}, True),
     ({"tofu": False, "required_port": 80}, True), ({"tofu": False, "required_port": 8080}, False),
     ({"tofu": False, "required_port": 8080, "allow_non_root_ports": False}, False),
     ({"required_port": 70000}, False), ({"allowed_dns_patterns": ("(",)}, False)],
)  # fmt: skip
def test_first_use_may_be_trusted_again_only_where_root_listens(
    options: dict[str, object], allowed: bool
) -> None:
    config = replace(Config(), **options)  # type: ignore[arg-type]
    if allowed:
        check(config)
        return
    with pytest.raises(InvalidArgument):
        HttpChallenge(config, NodeHost())
