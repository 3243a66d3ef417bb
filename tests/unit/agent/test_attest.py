"""Attestation against servers that behave and servers that do not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from finial.agent.attest import MAX_CHALLENGES, attest
from finial.errors import FinialError, Internal, InvalidArgument, PermissionDenied, Unavailable
from finial.plugins.node.join_token.agent import JoinTokenAttestor
from finial.testing.scripted_server import ScriptedServer
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2

KEY = ec.generate_private_key(ec.SECP256R1())


class Challenged(ScriptedServer):
    """Sends challenges for ever, or one and then nothing."""

    challenges = 1000

    async def AttestAgent(self, stream: Any) -> None:
        await stream.recv_message()
        for number in range(self.challenges):
            await stream.send_message(agent_pb2.AttestAgentResponse(challenge=b"%d" % number))
            await stream.recv_message()


class Responding:
    def __init__(self) -> None:
        self.challenges: list[bytes] = []
        self.closed = False

    async def payload(self) -> bytes:
        return b"proof"

    async def respond(self, challenge: bytes) -> bytes:
        self.challenges.append(challenge)
        return b"response"

    async def close(self) -> None:
        self.closed = True


def test_the_proof_buys_an_svid_for_the_key_and_the_bundle() -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            server.reattestable = True
            found = await attest(
                server.address, server.bundle, "join_token", JoinTokenAttestor(server.new_token()), KEY
            )
            assert found.reattestable
            assert found.bundle == server.bundle
            assert found.svid.id.path == "/spire/agent/join_token/token-0"

    asyncio.run(scenario())


def test_what_the_server_answers_is_told_as_a_stock_agent_tells_it() -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            with pytest.raises(InvalidArgument) as caught:
                await attest(server.address, server.bundle, "join_token", JoinTokenAttestor("used"), KEY)
            assert str(caught.value) == (
                "failed to receive attestation response: rpc error: code = InvalidArgument desc = "
                "failed to attest: join token does not exist or has already been used"
            )
            assert caught.value.hint is not None
            assert caught.value.hint.endswith("`spire-server token generate` makes one")

    asyncio.run(scenario())


def test_a_server_that_is_away_is_unavailable() -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            address = server.address
        with pytest.raises(Unavailable, match="could not open attestation stream to SPIRE server: rpc error"):
            await attest(address, server.bundle, "join_token", JoinTokenAttestor("x"), KEY)

    asyncio.run(scenario())


def test_challenges_end_somewhere() -> None:
    async def scenario() -> None:
        attestor = Responding()
        async with Challenged() as server:
            with pytest.raises(Internal, match="more than"):
                await attest(server.address, server.bundle, "test", attestor, KEY)
        assert len(attestor.challenges) == MAX_CHALLENGES

    asyncio.run(scenario())


def test_a_stream_that_ends_without_a_result_is_an_error() -> None:
    async def scenario() -> None:
        attestor = Responding()
        async with Challenged() as server:
            server.challenges = 1
            with pytest.raises(Internal, match="without a result"):
                await attest(server.address, server.bundle, "test", attestor, KEY)
        assert attestor.challenges == [b"0"]

    asyncio.run(scenario())


def test_a_method_without_challenges_answers_none() -> None:
    async def scenario() -> None:
        async with Challenged() as server:
            with pytest.raises(InvalidArgument, match="sent a challenge"):
                await attest(server.address, server.bundle, "join_token", JoinTokenAttestor("x"), KEY)

    asyncio.run(scenario())


def test_a_denial_stays_a_denial() -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:

            async def deny() -> None:
                raise PermissionDenied("failed to attest: agent is banned")

            server.before["AttestAgent"] = deny
            with pytest.raises(PermissionDenied, match="agent is banned"):
                await attest(server.address, server.bundle, "join_token", JoinTokenAttestor("x"), KEY)

    asyncio.run(scenario())


def test_the_result_counts_only_if_the_stream_ends_well() -> None:
    class Failing(ScriptedServer):
        async def AttestAgent(self, stream: Any) -> None:
            await super().AttestAgent(stream)
            raise Unavailable("database is away")

    async def scenario() -> None:
        async with Failing() as server:
            attestor = JoinTokenAttestor(server.new_token())
            with pytest.raises(FinialError, match="database is away"):
                await attest(server.address, server.bundle, "join_token", attestor, KEY)

    asyncio.run(scenario())
