"""http_challenge, agent's half: what it shows, to whom, and for how long."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest

from finial.errors import Internal, InvalidArgument
from finial.plugins.node.http_challenge.agent import Config, HttpChallengeAttestor

PATH = "/.well-known/spiffe/nodeattestor/http_challenge/default/challenge"
NONCE = "A" * 43 + "="
CHALLENGE = json.dumps({"nonce": NONCE}).encode()


async def get(port: int, path: str = PATH, method: str = "GET") -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    try:
        return (await reader.read()).decode()
    finally:
        writer.close()


def test_the_nonce_is_shown_at_one_path_after_the_challenge_and_until_the_end() -> None:
    async def scenario() -> None:
        one = HttpChallengeAttestor(Config(hostname="node.example"))
        proof = json.loads(await one.payload())
        port = proof.pop("port")
        assert proof == {"hostname": "node.example", "agentname": "default"}
        assert (await get(port)).startswith("HTTP/1.1 404 ")
        assert await one.respond(CHALLENGE) == b"\n"
        for _ in range(2):
            answer = await get(port)
            assert answer.startswith("HTTP/1.1 200 ") and answer.endswith(f"\r\n\r\n{NONCE}\n")
        assert (await get(port, "/")).startswith("HTTP/1.1 404 ")
        assert (await get(port, method="POST")).startswith("HTTP/1.1 404 ")
        await one.close()
        with pytest.raises(OSError):
            await get(port)

    asyncio.run(scenario())


def test_the_advertised_port_and_the_hosts_own_name_are_told() -> None:
    async def scenario() -> None:
        one = HttpChallengeAttestor(Config(advertised_port=80))
        proof = json.loads(await one.payload())
        await one.close()
        assert proof == {"hostname": socket.gethostname(), "agentname": "default", "port": 80}

    asyncio.run(scenario())


def test_a_caller_that_sends_too_much_hears_nothing() -> None:
    async def scenario() -> None:
        one = HttpChallengeAttestor(Config(hostname="node.example"))
        port = json.loads(await one.payload())["port"]
        assert await get(port, "/" + "x" * 20000) == ""
        await one.close()

    asyncio.run(scenario())


def test_a_port_in_use_is_told() -> None:
    async def scenario() -> None:
        with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as other:
            port = other.getsockname()[1]
            one = HttpChallengeAttestor(Config(hostname="node.example", port=port))
            with pytest.raises(Internal, match=f"could not listen on port {port}"):
                await one.payload()

    asyncio.run(scenario())


@pytest.mark.parametrize("challenge", [b"", b"{}", b'{"nonce": "x\\r\\ny"}', b'{"nonce": ""}'])
def test_a_challenge_that_is_none_is_refused(challenge: bytes) -> None:
    with pytest.raises(InvalidArgument, match="unable to unmarshal challenge"):
        asyncio.run(HttpChallengeAttestor(Config(hostname="x")).respond(challenge))


@pytest.mark.parametrize("config", [Config(hostname="a/b"), Config(agentname="a/b"), Config(port=70000)])
def test_names_that_no_server_takes_are_refused_at_start(config: Config) -> None:
    with pytest.raises(InvalidArgument):
        HttpChallengeAttestor(config)
