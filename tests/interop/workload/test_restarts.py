"""Server and agent are stopped and started under workloads that run: every client goes on by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from finial.testing.domain import Domain
from finial.testing.workload_program import Event, Events, WorkloadProgram

NewProgram = Callable[[str, Domain], WorkloadProgram]
KINDS = ("go-spiffe", "py-spiffe", "finial")


def is_update(event: Event) -> bool:
    return "svids" in event


async def signer_of_token(program: WorkloadProgram) -> str:
    """The header of a token that the program and the agent found valid: it names the key."""
    token: str = (await program.tell("jwt"))["token"]
    return token.partition(".")[0]


@asynccontextmanager
async def watching(programs: list[WorkloadProgram]) -> AsyncIterator[list[Events]]:
    """Each program follows its SVIDs, and has its first."""
    async with AsyncExitStack() as stack:
        running = [
            await stack.enter_async_context(one.running("watch", "-count", "1000")) for one in programs
        ]
        for events in running:
            await events.next(is_update)
        yield running


async def test_a_restarted_server_goes_on_with_its_keys_and_rotations_go_on(
    tmp_path: Path, new_program: NewProgram
) -> None:
    async with Domain(tmp_path) as domain:
        programs = [new_program(kind, domain) for kind in KINDS]
        for one in programs:
            await domain.register(one.kind, one.selector, ttl=8)
        key_ids = [await signer_of_token(one) for one in programs]
        async with watching(programs) as running:
            await domain.stop_server()
            held = [(await one.tell("x509"))["svids"][0]["serial"] for one in programs]
            await domain.start_server()
            for events, old in zip(running, held, strict=True):
                while (await events.next(is_update))["svids"][0]["serial"] == old:
                    pass
                assert not [event for event in events.seen if "error" in event]
        assert [await signer_of_token(one) for one in programs] == key_ids


async def test_a_restarted_agent_is_found_again(tmp_path: Path, new_program: NewProgram) -> None:
    async with Domain(tmp_path) as domain:
        programs = [new_program(kind, domain) for kind in KINDS]
        for one in programs:
            await domain.register(one.kind, one.selector)
        async with watching(programs) as running:
            await domain.stop_agent()
            await domain.start_agent()
            for events, one in zip(running, programs, strict=True):
                told = await events.next(is_update)
                assert told["svids"][0]["id"] == f"spiffe://example.org/{one.kind}"
