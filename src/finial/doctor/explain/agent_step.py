"""The steps about the agent: is it one, is it in step with the server, has it signed? Pure."""

from __future__ import annotations

from collections.abc import Iterator

from finial.doctor.explain.explanation import Name, Step, Verdict
from finial.doctor.explain.fault import Fault, Finding, Remedy
from finial.doctor.explain.near import Candidate
from finial.doctor.explain.scene import AgentSeen, Scene

SKEW = 10.0  # seconds between two clocks that are told
STALE = 60.0  # seconds without news from the server that are told beside a trouble


def agent_step(scene: Scene) -> Step:
    findings = (
        *_away(scene),
        *_server_says(scene),
        *_own(scene),
        *_domain(scene),
        *_socket(scene),
        *_clock(scene),
    )
    name = str(scene.agent.id) if scene.agent else scene.without_agent
    if findings:
        return Step(Name.AGENT, Verdict.BROKE, name, findings)
    return Step(Name.AGENT, Verdict.PASSED if scene.agent else Verdict.NOT_AVAILABLE, name)


def position_step(scene: Scene, nearest: Candidate | None) -> Step:
    agent = scene.agent
    if agent is None:
        return Step(Name.POSITION, Verdict.NOT_AVAILABLE, scene.without_agent)
    age = max(agent.now - agent.synced_at, 0)
    findings = (*_unreachable(agent), *_not_arrived(nearest, agent))
    says = f"in step with the server {age:.1f} s ago"
    return Step(Name.POSITION, Verdict.BROKE if findings else Verdict.PASSED, says, findings)


def svid_step(scene: Scene, nearest: Candidate | None) -> Step:
    if nearest is None or not nearest.fits:
        return Step(Name.SVID, Verdict.NOT_REACHED, "nothing to sign")
    held = nearest.held
    if held is None:
        if scene.agent is None:
            return Step(Name.SVID, Verdict.NOT_AVAILABLE, scene.without_agent)
        return Step(Name.SVID, Verdict.NOT_REACHED, "the agent does not hold the entry")
    if not held.signed:
        says = f"the agent holds the entry of {held.entry.spiffe_id} and has no SVID for it in hand"
        remedy = Remedy("wait a second; if it stays so, look at the agent's log for why signing fails")
        return Step(Name.SVID, Verdict.BROKE, "not signed yet", (Finding(Fault.NOT_SIGNED, says, remedy),))
    if held.tainted:
        says = f"the SVID of {held.entry.spiffe_id} was signed by an authority that is tainted; peers may refuse it"
        remedy = Remedy(
            "let the agent renew it, and see how far the others are",
            ("finial server localauthority x509 show",),
        )
        return Step(
            Name.SVID, Verdict.BROKE, "by a tainted authority", (Finding(Fault.TAINTED, says, remedy),)
        )
    left = max(held.not_after - scene.now, 0)
    return Step(Name.SVID, Verdict.PASSED, f"in hand, for {left / 60:.0f} min more")


def _away(scene: Scene) -> Iterator[Finding]:
    if scene.agent is None and scene.agent_away:
        yield Finding(
            Fault.AGENT_AWAY,
            f"no agent answers: {scene.agent_away}",
            Remedy("start the agent, or name its socket", ("finial agent healthcheck",)),
        )


def _server_says(scene: Scene) -> Iterator[Finding]:
    server = scene.server
    if server is None:
        return
    if server.agent is None:
        if scene.agent_id is not None:
            yield Finding(
                Fault.AGENT_EVICTED,
                f"the server does not know {scene.agent_id}: it was evicted, or its row is lost",
                Remedy(
                    "attest the node again: start the agent with a new join token, or let it prove itself again"
                ),
            )
    elif server.agent.banned:
        yield Finding(
            Fault.AGENT_BANNED,
            f"{server.agent.id} is banned at the server",
            Remedy(
                "take the ban away, then attest the node again",
                (f"finial server agent evict -spiffeID {server.agent.id}",),
                "gives this node all its identities again",
            ),
        )


def _own(scene: Scene) -> Iterator[Finding]:
    agent = scene.agent
    if agent is not None and 0 < agent.expires_at <= agent.now:
        yield Finding(
            Fault.AGENT_EXPIRED,
            f"the SVID of {agent.id} has expired, so the server does not talk to it",
            Remedy(
                "bring the server back within reach, or attest the node again", ("finial agent healthcheck",)
            ),
        )


def _domain(scene: Scene) -> Iterator[Finding]:
    wanted, own = scene.question.spiffe_id, scene.trust_domain
    if wanted is not None and own is not None and not wanted.member_of(own):
        yield Finding(
            Fault.TRUST_DOMAIN,
            f"{wanted} is of trust domain {wanted.trust_domain}; this agent gives identities of {own}",
            Remedy(f"ask an agent of {wanted.trust_domain}, or for an identity of {own}"),
        )


def _socket(scene: Scene) -> Iterator[Finding]:
    process, agent = scene.process, scene.agent
    if process is None or agent is None or not process.socket or process.socket == agent.socket:
        return
    yield Finding(
        Fault.OTHER_SOCKET,
        f"the process asks at {process.socket}; this agent serves {agent.socket}",
        Remedy(
            "start the process with this agent's socket", (f"SPIFFE_ENDPOINT_SOCKET=unix://{agent.socket}",)
        ),
    )


def _clock(scene: Scene) -> Iterator[Finding]:
    skew = scene.agent.ahead if scene.agent else None
    if skew is not None and abs(skew) > SKEW:
        word = "ahead of" if skew > 0 else "behind"
        yield Finding(
            Fault.CLOCK_SKEW,
            f"the agent's clock is {abs(skew):.0f} s {word} the server's",
            Remedy("set the clocks: SVIDs are valid for minutes", ("timedatectl status",)),
        )


def _unreachable(agent: AgentSeen) -> Iterator[Finding]:
    if agent.trouble:
        age = max(agent.now - agent.synced_at, 0)
        since = f", for {age:.0f} s" if age > STALE else ""
        yield Finding(
            Fault.SERVER_AWAY,
            f"the agent does not reach its server{since}: {agent.trouble}",
            Remedy("bring the server back within reach of this node", ("finial server healthcheck",)),
        )


def _not_arrived(nearest: Candidate | None, agent: AgentSeen) -> Iterator[Finding]:
    """The agent may hold it, and does not."""
    if nearest is None or nearest.held is not None or nearest.chain is None or nearest.chain.broken:
        return
    if nearest.expired:
        return
    yield Finding(
        Fault.NOT_ARRIVED,
        f"entry {nearest.entry.id} is newer than what {agent.id} has",
        Remedy("wait for it to arrive", (f"finial server entry show -entryID {nearest.entry.id}",)),
    )
