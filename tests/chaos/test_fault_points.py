"""A real server is killed at every fault point that API calls pass, and started again on what is left.

Before the commit nothing of the call is there, after it everything; what was acknowledged before stays, the
CA is the same, and the agents of before are let in. Each start is armed for the next death, so that one
server is needed for each point. `tests/store/test_faults.py` looks closer, at the rows of every write.
"""

from __future__ import annotations

import ast
import asyncio
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import finial.store
from finial.agent.attest import attest
from finial.agent.connection import ServerAddress, ServerConnection
from finial.agent.identity import AgentIdentity
from finial.errors import FinialError, Internal, NotFound, PermissionDenied
from finial.plugins.node.join_token.agent import JoinTokenAttestor
from finial.runtime import fault, private_file
from finial.spiffe.bundle import Bundle, X509Authority
from finial.spiffe.trust_domain import TrustDomain
from finial.store.fault import STAGES
from finial.svid import csr
from finial.testing.ca import TestCa
from finial.testing.configs import HOST
from finial.testing.domain import PATIENCE, Domain
from finial.wire.convert.bundle import bundle_from_wire
from finial.wire.convert.id import id_to_wire
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.localauthority.v1 import localauthority_pb2
from finial.wire.pb.spire.api.types.entry_pb2 import Entry, EntryMask
from finial.wire.pb.spire.api.types.selector_pb2 import Selector
from finial.wire.pb.spire.api.types.spiffeid_pb2 import SPIFFEID

if TYPE_CHECKING:
    from tests.chaos.conftest import Grown

NOT_CALLED = {  # passed by the clock or by hand; killed in tests/store/test_faults.py
    *("entries.prune", "agents.prune", "tokens.prune", "journal.prune", "changes.trim", "events.prune"),
    *("bundles.create", "bundles.change"),  # prune, taint and revoke; the first start appends
    *("federation.create", "federation.update", "federation.delete"),  # of a service that is not served
    "lineage.go_on",  # by the follower, of a database that was restored
    "schema.hand_back",
}
AT_BIRTH = ("schema.prepare", "lineage.begin")  # by the first start, in a folder without data
BORN_FILES = ("finial-history.json", "keys.json")


class Scene:
    """A server of which everything was acknowledged that the domain had grown; and one more agent."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.bundle = Bundle(domain.trust_domain)
        self.agents: dict[int, AgentIdentity] = {}
        self.tokens: dict[int, str] = {}
        self.entries: dict[int, str] = {}
        self.authorities: dict[int, str] = {}

    @property
    def address(self) -> ServerAddress:
        return ServerAddress(HOST, self.domain.port, self.domain.trust_domain)

    async def read_bundle(self) -> None:
        async with self.domain.api() as api:
            self.bundle = bundle_from_wire(await api.bundle.GetBundle(bundle_pb2.GetBundleRequest()))

    async def enrol(self, number: int) -> None:
        await self.make_token(number)
        await self.attest(number)

    async def make_token(self, number: int) -> None:
        async with self.domain.api() as api:
            request = agent_pb2.CreateJoinTokenRequest(ttl=600, token=f"token-{number}")
            self.tokens[number] = (await api.agent.CreateJoinToken(request)).value

    async def attest(self, number: int) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        attestor = JoinTokenAttestor(f"token-{number}")
        found = await attest(self.address, self.bundle, "join_token", attestor, key)
        self.agents[number] = AgentIdentity(found.svid, key, "", found.reattestable)

    def as_agent(self, number: int) -> ServerConnection:
        return ServerConnection(self.address, self.bundle, self.agents[number])

    async def admitted(self, number: int) -> bool:
        connection = self.as_agent(number)
        try:
            request = entry_pb2.GetAuthorizedEntriesRequest()
            await connection.call(connection.api.entry.GetAuthorizedEntries, request)
        except PermissionDenied:
            return False
        finally:
            await connection.aclose()
        return True

    async def renew(self, number: int) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        connection = self.as_agent(number)
        try:
            svid = await connection.renew_agent(csr.create(key))
        finally:
            await connection.aclose()
        self.agents[number] = AgentIdentity(svid, key, "", reattestable=False)

    def agent_id(self, number: int) -> SPIFFEID:
        return id_to_wire(self.domain.id_of(f"spire/agent/join_token/token-{number}"))

    def rows(self, statement: str, *values: object) -> int:
        """How many, in the file as the server left it."""
        with sqlite3.connect(self.domain.folder / "server" / "data.sqlite3") as database:
            found: int = database.execute(f"SELECT count(*) FROM {statement}", values).fetchone()[0]
        database.close()
        return found


Step = Callable[[Scene, int], Awaitable[object]]


async def nothing(scene: Scene, number: int) -> None:
    """No state is needed before the call."""


@dataclass(frozen=True, slots=True)
class Operation:
    """`call` passes the points; `done` tells whether what it does is in force. None: only that all goes on."""

    call: Step
    done: Callable[[Scene, int], Awaitable[bool]] | None
    before: Step = nothing
    stages: Sequence[str] = field(default=STAGES)


async def create_entry(scene: Scene, number: int) -> None:
    wanted = Entry(
        spiffe_id=id_to_wire(scene.domain.id_of(f"entry-{number}")),
        parent_id=id_to_wire(scene.domain.node),
        selectors=[Selector(type="unix", value="uid:4000000000")],
    )
    async with scene.domain.api() as api:
        answer = await api.entry.BatchCreateEntry(entry_pb2.BatchCreateEntryRequest(entries=[wanted]))
    scene.entries[number] = answer.results[0].entry.id


async def is_entry(scene: Scene, number: int) -> bool:
    async with scene.domain.api() as api:
        listed = await api.entry.ListEntries(entry_pb2.ListEntriesRequest())
    return f"/entry-{number}" in {one.spiffe_id.path for one in listed.entries}


async def update_entry(scene: Scene, number: int) -> None:
    changed = Entry(id=scene.entries[number], hint="changed")
    request = entry_pb2.BatchUpdateEntryRequest(entries=[changed], input_mask=EntryMask(hint=True))
    async with scene.domain.api() as api:
        await api.entry.BatchUpdateEntry(request)


async def is_updated(scene: Scene, number: int) -> bool:
    async with scene.domain.api() as api:
        return (
            await api.entry.GetEntry(entry_pb2.GetEntryRequest(id=scene.entries[number]))
        ).hint == "changed"


async def delete_entry(scene: Scene, number: int) -> None:
    await scene.domain.delete(scene.entries[number])


async def is_deleted(scene: Scene, number: int) -> bool:
    return not await is_entry(scene, number)


async def is_token(scene: Scene, number: int) -> bool:
    return scene.rows("join_tokens WHERE token = ?", f"token-{number}") == 1


async def is_taken(scene: Scene, number: int) -> bool:
    return not await is_token(scene, number)


async def is_agent(scene: Scene, number: int) -> bool:
    return scene.rows("attested_node_entries WHERE spiffe_id LIKE ?", f"%/token-{number}") == 1


async def activate(scene: Scene, number: int) -> None:
    assert await scene.admitted(number)


async def enrol_and_renew(scene: Scene, number: int) -> None:
    await scene.enrol(number)
    await scene.renew(number)


RENEWED = "attested_node_entries WHERE spiffe_id LIKE ? AND new_serial_number != ''"


async def is_renewed(scene: Scene, number: int) -> bool:
    return await scene.admitted(number) and scene.rows(RENEWED, f"%/token-{number}") == 1


async def is_active(scene: Scene, number: int) -> bool:
    return scene.rows(RENEWED, f"%/token-{number}") == 0


async def ban(scene: Scene, number: int) -> None:
    async with scene.domain.api() as api:
        await api.agent.BanAgent(agent_pb2.BanAgentRequest(id=scene.agent_id(number)))


async def evict(scene: Scene, number: int) -> None:
    async with scene.domain.api() as api:
        await api.agent.DeleteAgent(agent_pb2.DeleteAgentRequest(id=scene.agent_id(number)))


async def is_shut_out(scene: Scene, number: int) -> bool:
    return not await scene.admitted(number)


async def post_status(scene: Scene, number: int) -> None:
    connection = scene.as_agent(number)
    try:
        await connection.post_status(f"1.15.{number}")
    finally:
        await connection.aclose()


def partner(number: int) -> TrustDomain:
    return TrustDomain(f"partner-{number}.test")


async def set_bundle(scene: Scene, number: int) -> None:
    ca = TestCa(partner(number).name)
    await scene.domain.federate(Bundle(partner(number), (X509Authority(ca.der),)))


async def is_bundle(scene: Scene, number: int) -> bool:
    async with scene.domain.api() as api:
        try:
            request = bundle_pb2.GetFederatedBundleRequest(trust_domain=partner(number).name)
            await api.bundle.GetFederatedBundle(request)
        except NotFound:
            return False
    return True


async def delete_bundle(scene: Scene, number: int) -> None:
    async with scene.domain.api() as api:
        await api.bundle.BatchDeleteFederatedBundle(
            bundle_pb2.BatchDeleteFederatedBundleRequest(trust_domains=[partner(number).name])
        )


async def is_without_bundle(scene: Scene, number: int) -> bool:
    return not await is_bundle(scene, number)


async def prepare_ca(scene: Scene, number: int) -> None:
    async with scene.domain.api() as api:
        request = localauthority_pb2.PrepareX509AuthorityRequest()
        prepared = await api.local_authority.PrepareX509Authority(request)
    scene.authorities[number] = prepared.prepared_authority.authority_id


async def activate_ca(scene: Scene, number: int) -> None:
    async with scene.domain.api() as api:
        await api.local_authority.ActivateX509Authority(
            localauthority_pb2.ActivateX509AuthorityRequest(authority_id=scene.authorities[number])
        )


async def create_and_wait(scene: Scene, number: int) -> None:
    """The history is remembered every five seconds, if there were writes."""
    await create_entry(scene, number)
    await scene.domain.server.ended()
    raise Internal("ended")


OPERATIONS: dict[str, Operation] = {
    "entries.create": Operation(create_entry, is_entry),
    "entries.update": Operation(update_entry, is_updated, create_entry),
    "entries.delete": Operation(delete_entry, is_deleted, create_entry),
    "tokens.create": Operation(Scene.make_token, is_token),
    "tokens.take": Operation(Scene.attest, is_taken, Scene.make_token),
    "agents.put": Operation(Scene.attest, is_agent, Scene.make_token),
    "agents.renew": Operation(Scene.renew, is_renewed, Scene.enrol),
    "agents.activate": Operation(activate, is_active, enrol_and_renew),
    "agents.version": Operation(post_status, None, Scene.enrol),
    "agents.ban": Operation(ban, is_shut_out, Scene.enrol),
    "agents.delete": Operation(evict, is_shut_out, Scene.enrol),
    "bundles.set": Operation(set_bundle, is_bundle),
    "bundles.delete": Operation(delete_bundle, is_without_bundle, set_bundle),
    "bundles.append": Operation(prepare_ca, None),
    "journal.put": Operation(prepare_ca, None),
    "journal.put by activation": Operation(activate_ca, None, prepare_ca),
    "keys.json": Operation(prepare_ca, None, stages=private_file.STAGES),
    "lineage.renew": Operation(create_and_wait, None),
    "finial-history.json": Operation(create_and_wait, None, stages=private_file.STAGES),
}
LEAVES_BEHIND = {"journal.put by activation"}  # an agent that was away from before the CA was prepared
SLOW = {"lineage.renew", "finial-history.json"}  # five seconds for each point; first starts pass them too
SECOND = {"journal.put by activation", "finial-history.json"}  # the first pass is of what comes before


async def die(scene: Scene, call: Awaitable[object]) -> None:
    """By the armed fault, under a call that gets no answer."""
    server = scene.domain.server
    with pytest.raises((FinialError, AssertionError)):
        await call
    async with asyncio.timeout(PATIENCE):
        assert await server.ended() == -signal.SIGKILL
    await scene.domain.stop_server()


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.soak) if one in SLOW else one for one in OPERATIONS]
)
async def test_a_call_that_a_fault_cuts_off_is_done_in_full_or_not_at_all(
    name: str, domain: Domain, grown: Grown
) -> None:
    operation, scene = OPERATIONS[name], Scene(domain)
    write, nth = name.partition(" ")[0], 2 if name in SECOND else 1
    await domain.start_server({fault.VARIABLE: f"{write}.{operation.stages[0]}:{nth}"})
    await scene.read_bundle()
    for number, stage in enumerate(operation.stages):
        following = operation.stages[number + 1 : number + 2]
        await operation.before(scene, number)
        kept = await domain.entry_ids()
        await die(scene, operation.call(scene, number))
        armed = {fault.VARIABLE: f"{write}.{following[0]}:{nth}"} if following else None
        await domain.start_server(armed)
        await check(scene, operation, number, stage, grown)
        assert {*kept} - {scene.entries.get(number)} <= await domain.entry_ids()
    if name not in LEAVES_BEHIND:
        await domain.start_agent()  # the process of before, with its identity of before


async def check(scene: Scene, operation: Operation, number: int, stage: str, grown: Grown) -> None:
    assert grown.roots <= await scene.domain.roots()
    assert grown.entry_ids <= await scene.domain.entry_ids()
    if operation.done is not None:
        done = await operation.done(scene, number)
        assert done == (stage == STAGES[-1]), f"{stage}: {done}"


BIRTHS = [
    *(f"{write}.{stage}" for write in AT_BIRTH for stage in STAGES),
    *(f"{name}.{stage}" for name in BORN_FILES for stage in private_file.STAGES),
    *(f"bundles.append.{stage}:{nth}" for stage in STAGES for nth in (1, 2)),
    *(f"journal.put.{stage}:{nth}" for stage in STAGES for nth in (1, 2)),
]


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "points",
    [pytest.param(BIRTHS[at::4], marks=[pytest.mark.soak] if at else [], id=str(at)) for at in range(4)],
)
async def test_a_first_start_that_a_fault_cuts_off_is_gone_on_with(points: list[str], tmp_path: Path) -> None:
    for number, point in enumerate(points):
        folder = tmp_path / str(number)  # the path of a socket must be short
        folder.mkdir()
        domain = Domain(folder)
        domain.configure()
        with pytest.raises(Internal) as cut_off:
            await domain.start_server({fault.VARIABLE: point})
        assert str(cut_off.value.__cause__) == "the server ended with -9", point
        try:
            await domain.start_server()
            roots = await domain.roots()
            assert len(roots) in (1, 2), point  # the second if the first was published and then lost
            await domain.kill_server()
            await domain.start_server()
            assert await domain.roots() == roots, point
        finally:
            await domain.stop()


def test_every_write_of_the_store_is_here_or_is_said_not_to_be() -> None:
    names: set[object] = set()
    for path in Path(finial.store.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("_write", "engine.write")):
                names.update(one.value for one in node.args[:1] if isinstance(one, ast.Constant))
    called = {name.partition(" ")[0] for name in OPERATIONS} - set(BORN_FILES)
    assert names == called | NOT_CALLED | set(AT_BIRTH)
