"""mTLS between every ordered pair of go-spiffe, py-spiffe and our own client, with SVIDs of our agent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from finial.testing.domain import Domain
from finial.testing.workload_program import Failed, WorkloadProgram

NewProgram = Callable[[str, Domain], WorkloadProgram]
KINDS = ("go-spiffe", "py-spiffe", "finial")
SERVER, CLIENT, STRANGER = (f"spiffe://example.org/mtls/{name}" for name in ("server", "client", "stranger"))
LIFETIME = 4  # seconds of a certificate


@pytest.mark.parametrize("server_kind", KINDS)
@pytest.mark.parametrize("client_kind", KINDS)
async def test_the_right_id_is_let_in_and_each_end_refuses_a_wrong_one(
    client_kind: str, server_kind: str, domain: Domain, new_program: NewProgram
) -> None:
    server, client = new_program(server_kind, domain), new_program(client_kind, domain)
    await domain.register("mtls/server", server.selector)
    await domain.register("mtls/client", client.selector)
    async with server.running("serve", "-id", CLIENT) as events:
        address = (await events.next())["address"]
        assert await client.tell("call", "-addr", address, "-id", SERVER) == {"answer": CLIENT}
        with pytest.raises(Failed, match=f'unexpected ID "{SERVER}"'):
            await client.tell("call", "-addr", address, "-id", STRANGER)
    async with server.running("serve", "-id", STRANGER) as events:
        address = (await events.next())["address"]
        with pytest.raises(Failed):
            await client.tell("call", "-addr", address, "-id", SERVER)
        assert CLIENT in (await events.next(lambda event: "refused" in event))["refused"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_outlives_its_first_certificate(
    kind: str, domain: Domain, new_program: NewProgram
) -> None:
    server, client = new_program(kind, domain), new_program("finial", domain)
    await domain.register("mtls/server", server.selector, ttl=LIFETIME)
    await domain.register("mtls/client", client.selector)
    async with server.running("serve", "-id", CLIENT) as events:
        address = (await events.next())["address"]
        await expired(server)
        assert await client.tell("call", "-addr", address, "-id", SERVER) == {"answer": CLIENT}


async def expired(program: WorkloadProgram) -> None:
    """Returns after six renewals, each after a quarter of a life: what was good at the call is gone by then."""
    async with program.running("watch", "-count", "1000") as events:
        for _ in range(6):
            await events.next(lambda event: "svids" in event)
