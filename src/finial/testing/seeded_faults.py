"""A scene in which all is well, and each fault that can be sown into it, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from finial.doctor.explain import (
    AgentSeen,
    Attestor,
    Fault,
    HeldEntry,
    Process,
    Question,
    Scene,
    ServerSeen,
)
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId, server_id
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain

NOW = 1_800_000_000.0
DOMAIN = TrustDomain("example.org")
AGENT, OTHER = (SpiffeId.parse(f"spiffe://example.org/spire/agent/x509pop/{one}") for one in ("a", "b"))
ZONE = SpiffeId.parse("spiffe://example.org/zone-b")
WEB = SpiffeId.parse("spiffe://example.org/web")
SOCKET = "/run/agent/api.sock"
UID, GID, PATH = (Selector("unix", one) for one in ("uid:1000", "gid:1000", "path:/usr/bin/web"))
NODE = Selector("x509pop", "san:zone-b")
ENTRY = Entry("web", WEB, ZONE, (UID, GID, PATH))
ALIAS = Entry("zone", ZONE, server_id(DOMAIN), (NODE,))
UNLIKE = Entry("db", SpiffeId.parse("spiffe://example.org/db"), ZONE, (Selector("unix", "user:db"),))


def healthy() -> Scene:
    return Scene(
        Question(pid=4242),
        Process(4242, path="/usr/bin/web", socket=SOCKET),
        (Attestor("unix", (UID, GID, PATH)),),
        AgentSeen(
            AGENT,
            SOCKET,
            NOW,
            NOW + 1800,
            NOW - 1,
            (HeldEntry(ENTRY, not_after=NOW + 1200), HeldEntry(UNLIKE)),
        ),
        server=ServerSeen(
            DOMAIN,
            Agent(AGENT, "x509pop", "1", int(NOW) + 1800, selectors=(NODE,)),
            (ENTRY, ALIAS, UNLIKE),
            frozenset({AGENT, OTHER}),
        ),
        now=NOW,
    )


def agent(scene: Scene, **changed: object) -> Scene:
    assert scene.agent
    return replace(scene, agent=replace(scene.agent, **changed))  # type: ignore[arg-type]


def server(scene: Scene, **changed: object) -> Scene:
    assert scene.server
    return replace(scene, server=replace(scene.server, **changed))  # type: ignore[arg-type]


def question(scene: Scene, **changed: object) -> Scene:
    return replace(scene, question=replace(scene.question, **changed))  # type: ignore[arg-type]


def entry(scene: Scene, entry_id: str = "web", **changed: object) -> Scene:
    """The entry changed wherever it is known."""
    assert scene.agent
    assert scene.server
    held = [
        replace(one, entry=replace(one.entry, **changed)) if one.entry.id == entry_id else one  # type: ignore[arg-type]
        for one in scene.agent.held
    ]
    known = [replace(one, **changed) if one.id == entry_id else one for one in scene.server.entries]  # type: ignore[arg-type]
    return server(agent(scene, held=tuple(held)), entries=tuple(known))


def held(scene: Scene, **changed: object) -> Scene:
    assert scene.agent
    found = [replace(one, **changed) if one.entry.id == "web" else one for one in scene.agent.held]  # type: ignore[arg-type]
    return agent(scene, held=tuple(found))


def not_held(scene: Scene) -> Scene:
    assert scene.agent
    return agent(scene, held=tuple(one for one in scene.agent.held if one.entry.id != "web"))


def attested(scene: Scene, old: Selector, *new: Selector) -> Scene:
    """With other selectors than before."""
    (unix, *rest) = scene.attestors or (Attestor("unix"),)
    selectors = tuple(one for one in unix.selectors if one != old) + new
    return replace(scene, attestors=(replace(unix, selectors=selectors), *rest))


def without(scene: Scene, entry_id: str) -> Scene:
    assert scene.server
    return server(scene, entries=tuple(one for one in scene.server.entries if one.id != entry_id))


def node(scene: Scene, **changed: object) -> Scene:
    """The agent as the server lists it."""
    assert scene.server
    known = scene.server.agent
    return scene if known is None else server(scene, agent=replace(known, **changed))  # type: ignore[arg-type]


def gone(scene: Scene) -> Scene:
    return replace(scene, process=Process(4242, alive=False), attestors=())


def elsewhere(scene: Scene) -> Scene:
    assert scene.process
    return replace(scene, process=replace(scene.process, same_namespace=False), attestors=())


def failed_attestor(scene: Scene) -> Scene:
    return replace(scene, attestors=(*scene.attestors, Attestor("docker", failure="no such socket")))


def banned(scene: Scene) -> Scene:
    return node(scene, serial_number="", new_serial_number="")


SEEDS: dict[Fault, Callable[[Scene], Scene]] = {
    Fault.WRONG_VALUE: lambda scene: attested(scene, PATH, Selector("unix", "path:/usr/bin/other")),
    Fault.WRONG_UID: lambda scene: attested(scene, UID, Selector("unix", "uid:1001")),
    Fault.SELECTOR_MISSING: lambda scene: entry(
        scene, selectors=(UID, GID, PATH, Selector("docker", "label:app:web"))
    ),
    Fault.NO_ENTRY: lambda scene: replace(
        scene, attestors=(Attestor("unix", (Selector("unix", "group:nobody"),)),)
    ),
    Fault.PARENT_MISSING: lambda scene: entry(
        not_held(scene), parent_id=SpiffeId.parse("spiffe://example.org/spire/agent/x509pop/gone")
    ),
    Fault.PARENT_ELSEWHERE: lambda scene: entry(not_held(scene), parent_id=OTHER),
    Fault.ALIAS_MISSING: lambda scene: without(not_held(scene), "zone"),
    Fault.ALIAS_SHORT: lambda scene: node(not_held(scene), selectors=()),
    Fault.ENTRY_EXPIRED: lambda scene: entry(scene, expires_at=int(NOW) - 60),
    Fault.AGENT_BANNED: banned,
    Fault.AGENT_EVICTED: lambda scene: server(scene, agent=None),
    Fault.AGENT_EXPIRED: lambda scene: agent(scene, expires_at=NOW - 60),
    Fault.AGENT_AWAY: lambda scene: replace(
        scene, agent=None, agent_away="/run/agent/api.sock: no such file", process=None, attestors=()
    ),
    Fault.SERVER_AWAY: lambda scene: agent(scene, trouble="connection refused", synced_at=NOW - 90),
    Fault.NOT_ARRIVED: not_held,
    Fault.NOT_SIGNED: lambda scene: held(scene, signed=False),
    Fault.ATTESTOR_FAILED: failed_attestor,
    Fault.PID_GONE: gone,
    Fault.PID_ELSEWHERE: elsewhere,
    Fault.OTHER_SOCKET: lambda scene: agent(scene, socket="/run/other/api.sock"),
    Fault.TRUST_DOMAIN: lambda scene: question(scene, spiffe_id=SpiffeId.parse("spiffe://other.test/web")),
    Fault.CLOCK_SKEW: lambda scene: agent(scene, ahead=-300.0),
    Fault.HINT: lambda scene: question(scene, hint="payments"),
    Fault.TAINTED: lambda scene: held(scene, tainted=True),
}

OF_THE_PROCESS = {Fault.WRONG_VALUE, Fault.WRONG_UID, Fault.SELECTOR_MISSING}
OF_THE_CHAIN = {Fault.PARENT_MISSING, Fault.PARENT_ELSEWHERE, Fault.ALIAS_MISSING, Fault.ALIAS_SHORT}
OF_THE_SVID = {Fault.NOT_SIGNED, Fault.TAINTED}
OF_THE_ENTRY = (
    OF_THE_PROCESS | OF_THE_CHAIN | OF_THE_SVID | {Fault.ENTRY_EXPIRED, Fault.HINT, Fault.NOT_ARRIVED}
)
OF_THE_AGENT = {
    Fault.AGENT_EXPIRED,
    Fault.AGENT_EVICTED,
    Fault.SERVER_AWAY,
    Fault.OTHER_SOCKET,
    Fault.CLOCK_SKEW,
}
ABOUT_A_PROCESS = OF_THE_ENTRY | {Fault.NO_ENTRY, Fault.ATTESTOR_FAILED}
HIDES: dict[Fault, set[Fault]] = {
    **dict.fromkeys(OF_THE_PROCESS, OF_THE_SVID | {Fault.HINT}),
    **dict.fromkeys(OF_THE_CHAIN, OF_THE_SVID | {Fault.NOT_ARRIVED}),
    Fault.ENTRY_EXPIRED: OF_THE_SVID | {Fault.HINT, Fault.NOT_ARRIVED},
    Fault.NOT_ARRIVED: OF_THE_SVID,
    Fault.NOT_SIGNED: {Fault.TAINTED},
    Fault.NO_ENTRY: OF_THE_ENTRY,
    Fault.AGENT_EVICTED: OF_THE_CHAIN | {Fault.NOT_ARRIVED, Fault.AGENT_BANNED},
    Fault.PID_GONE: ABOUT_A_PROCESS | {Fault.PID_ELSEWHERE, Fault.OTHER_SOCKET},
    Fault.PID_ELSEWHERE: ABOUT_A_PROCESS,
    Fault.AGENT_AWAY: ABOUT_A_PROCESS | OF_THE_AGENT | {Fault.PID_GONE, Fault.PID_ELSEWHERE},
}
"""What cannot be seen while the other is so: of a process that is gone nobody knows what it lacks."""
