"""Looks: a question in, the scene out. The agent is asked on its own machine, the server where its socket is.

An agent or server that is not there, or does not tell, is part of the scene and no error. The server is asked for
what shares a selector with the process, and for what the ways up lead through: never for all it has.
"""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from finial.doctor.explain.scene import AgentSeen, Attestor, HeldEntry, Process, Question, Scene, ServerSeen
from finial.errors import FinialError, NotFound, Unsupported
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.runtime import process as processes
from finial.runtime.clock import Clock
from finial.runtime.grpc import unary
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.client import ServerApi, ServerChannel
from finial.wire.convert.agent import agent_from_wire
from finial.wire.convert.entry import entry_from_wire
from finial.wire.convert.id import id_to_wire, selectors_from_wire, selectors_to_wire
from finial.wire.pb.finial.explain.v1 import explain_pb2
from finial.wire.pb.finial.explain.v1.explain_grpc import ExplainStub
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.types import selector_pb2

TIMEOUT = 10.0  # seconds for each side
PAGE, MAX_PAGES = 500, 20
MAX_PARENTS = 50  # IDs that are followed upwards
ENDPOINT = b"SPIFFE_ENDPOINT_SOCKET="
NO_SERVER = "no server was asked: run this where its socket is, or name that"


async def look(question: Question, clock: Clock, *, agent_socket: str = "", server_socket: str = "") -> Scene:
    """An empty path: that side is not asked."""
    scene = Scene(question, now=clock.unix(), server_silent="" if server_socket else NO_SERVER)
    if agent_socket:
        scene = await _with_agent(scene, agent_socket)
    if server_socket:
        scene = await _with_server(scene, server_socket)
    return scene


async def _with_agent(scene: Scene, path: str) -> Scene:
    request = explain_pb2.ObserveRequest(pid=scene.question.pid or 0, caller_pid=os.getpid())
    try:
        async with asyncio.timeout(TIMEOUT), ServerChannel(path=path) as channel:
            answer = await unary(ExplainStub(channel).Observe, request)
    except TimeoutError:
        return replace(scene, agent_away=f"{path}: no answer within {TIMEOUT:.0f} s")
    except Unsupported:
        return by_itself(replace(scene, agent_silent="a stock agent tells nothing of its processes"))
    except FinialError as why:
        return replace(scene, agent_away=f"{path}: {why}")
    asked = scene.question.pid is not None
    return replace(
        scene,
        agent=_agent(answer),
        process=_process(answer) if asked else None,
        attestors=tuple(_attestor(one) for one in answer.attestors) if asked else (),
    )


def by_itself(scene: Scene) -> Scene:
    """What can be seen of the process without its agent: what the kernel says of any. Which of it the agent attests is
    for its configuration to say."""
    pid = scene.question.pid
    if pid is None:
        return scene
    try:
        facts = processes.ids(pid)
    except OSError:
        return replace(scene, process=Process(pid, alive=False))
    path = ""
    with suppress(OSError):  # of another user's process it may not be read
        path = processes.path(pid)
    told = [f"uid:{facts.uid}", f"gid:{facts.gid}", *(f"supplementary_gid:{one}" for one in facts.groups)]
    with suppress(KeyError):
        told += [f"user:{pwd.getpwuid(facts.uid).pw_name}", f"group:{grp.getgrgid(facts.gid).gr_name}"]
    selectors = [Selector("unix", one) for one in (*told, *([f"path:{path}"] if path else []))]
    process = Process(pid, path=path, socket=endpoint_of(pid))
    return replace(scene, process=process, attestors=(Attestor("unix, read here", tuple(selectors)),))


def _agent(answer: explain_pb2.ObserveResponse) -> AgentSeen:
    told = answer.agent
    return AgentSeen(
        SpiffeId.parse(told.spiffe_id),
        told.socket,
        told.now,
        told.expires_at,
        told.synced_at,
        tuple(
            HeldEntry(entry_from_wire(one.entry), one.signed, one.not_after, one.tainted)
            for one in answer.held
        ),
        told.trouble,
        told.ahead if told.HasField("ahead") else None,
    )


def _process(answer: explain_pb2.ObserveResponse) -> Process:
    told = answer.process
    return Process(told.pid, told.alive, told.same_namespace, told.path, endpoint_of(told.pid))


def _attestor(told: explain_pb2.Attestor) -> Attestor:
    return Attestor(told.name, selectors_from_wire(told.selectors), told.failure)


def endpoint_of(pid: int) -> str:
    """Where the process was told that the Workload API is: a path; empty where that cannot be known."""
    with suppress(OSError):
        for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if variable.startswith(ENDPOINT + b"unix:"):
                named = variable.removeprefix(ENDPOINT + b"unix:").decode("utf-8", "replace")
                return "/" + named.lstrip("/")
    return ""


def processes_of(path: str) -> list[int]:
    """Process numbers of those that run this program now, lowest first; none where the platform does not list them."""
    wanted, found = os.path.realpath(path), []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if processes.path(int(folder.name)) == wanted:
                found.append(int(folder.name))
    return sorted(found)


async def _with_server(scene: Scene, path: str) -> Scene:
    try:
        async with asyncio.timeout(TIMEOUT), ServerApi.at(path) as api:
            return replace(scene, server=await _ask_server(scene, api))
    except TimeoutError:
        return replace(scene, server_silent=f"{path}: no answer within {TIMEOUT:.0f} s")
    except FinialError as why:
        return replace(scene, server_silent=f"{path}: {why}")


async def _ask_server(scene: Scene, api: ServerApi) -> ServerSeen:
    bundle = await unary(api.bundle.GetBundle, bundle_pb2.GetBundleRequest())
    agent = await _agent_of(scene.agent_id, api) if scene.agent_id else None
    entries = {one.id: one async for one in _sharing(scene.selectors, api)}
    if scene.question.spiffe_id:
        entries |= {one.id: one async for one in _named(scene.question.spiffe_id, api)}
    known = await _parents(entries, api, agent)
    return ServerSeen(TrustDomain.parse(bundle.trust_domain), agent, tuple(entries.values()), known)


async def _parents(entries: dict[str, Entry], api: ServerApi, agent: Agent | None) -> frozenset[SpiffeId]:
    """Adds the entries that the ways up lead through. Returns: agents found there."""
    agents = {agent.id} if agent else set()
    seen = set(agents)
    waiting = _unknown(entries.values(), seen)
    while waiting and len(seen) < MAX_PARENTS:
        parent = waiting.pop()
        seen.add(parent)
        if parent.is_agent:
            if await _agent_of(parent, api):
                agents.add(parent)
            continue
        found = {one.id: one async for one in _named(parent, api)}
        entries |= found
        waiting |= _unknown(found.values(), seen)
    return frozenset(agents)


def _unknown(entries: Iterable[Entry], seen: set[SpiffeId]) -> set[SpiffeId]:
    return {one.parent_id for one in entries if not one.is_node_alias} - seen


async def _agent_of(agent_id: SpiffeId, api: ServerApi) -> Agent | None:
    try:
        return agent_from_wire(
            await unary(api.agent.GetAgent, agent_pb2.GetAgentRequest(id=id_to_wire(agent_id)))
        )
    except NotFound:
        return None


async def _sharing(selectors: frozenset[Selector], api: ServerApi) -> AsyncIterator[Entry]:
    """Entries that want at least one of them."""
    if selectors:
        match = selector_pb2.SelectorMatch(
            selectors=selectors_to_wire(tuple(selectors)), match=selector_pb2.SelectorMatch.MATCH_ANY
        )
        async for entry in _listed(entry_pb2.ListEntriesRequest.Filter(by_selectors=match), api):
            yield entry


async def _named(spiffe_id: SpiffeId, api: ServerApi) -> AsyncIterator[Entry]:
    async for entry in _listed(entry_pb2.ListEntriesRequest.Filter(by_spiffe_id=id_to_wire(spiffe_id)), api):
        yield entry


async def _listed(chosen: entry_pb2.ListEntriesRequest.Filter, api: ServerApi) -> AsyncIterator[Entry]:
    request = entry_pb2.ListEntriesRequest(filter=chosen, page_size=PAGE)
    for _ in range(MAX_PAGES):
        page = await unary(api.entry.ListEntries, request)
        for entry in page.entries:
            yield entry_from_wire(entry)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
