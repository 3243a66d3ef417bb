"""The steps about entries: does one fit the process, and may the agent hold it? The scene in, two steps out. Pure.

Only the nearest candidate is judged: what keeps the others away is theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from finial.doctor.explain.chain import Break
from finial.doctor.explain.explanation import Name, Step, Verdict
from finial.doctor.explain.fault import Fault, Finding, Remedy
from finial.doctor.explain.near import Candidate, Lack, kind_of
from finial.doctor.explain.scene import Scene

SHOW, UPDATE = "finial server entry show -entryID {}", "finial server entry update -entryID {}"


def entry_step(scene: Scene, nearest: Candidate | None) -> Step:
    if not scene.selectors:
        return Step(Name.ENTRY, Verdict.NOT_REACHED, "nothing is known of the process")
    if nearest is None:
        finding = _no_entry(scene)
        return Step(Name.ENTRY, Verdict.BROKE, finding.says, (finding,))
    findings = (*_lacks(nearest), *_expired(nearest), *_hint(scene, nearest))
    where = f"{nearest.entry.spiffe_id}, entry {nearest.entry.id}"
    if findings:
        return Step(Name.ENTRY, Verdict.BROKE, f"nearest: {where}", findings)
    return Step(Name.ENTRY, Verdict.PASSED, where)


def parents_step(scene: Scene, nearest: Candidate | None) -> Step:
    if nearest is None:
        return Step(Name.PARENTS, Verdict.NOT_REACHED, "no entry to follow upwards")
    chain = nearest.chain
    if chain is None and nearest.held is not None:
        return Step(Name.PARENTS, Verdict.PASSED, "the agent holds the entry")
    if chain is None:
        return Step(Name.PARENTS, Verdict.NOT_AVAILABLE, scene.server_silent or "no agent was named")
    way = " below ".join(str(parent) for parent in chain.parents)
    if chain.broken is None:
        return Step(Name.PARENTS, Verdict.PASSED, way)
    return Step(Name.PARENTS, Verdict.BROKE, way, (_broken(chain.broken, nearest, scene),))


def _lacks(nearest: Candidate) -> Iterator[Finding]:
    """What differs before what is not there at all."""
    for lack in sorted(nearest.lacks, key=lambda one: not one.instead):
        has = " and ".join(f'"{one}"' for one in lack.instead) or "nothing of the kind"
        says = f'the nearest entry, {nearest.entry.spiffe_id}, wants "{lack.selector}"; the process has {has}'
        yield Finding(_fault(lack), says, _remedy_for(lack, nearest))


def _fault(lack: Lack) -> Fault:
    if not lack.instead:
        return Fault.SELECTOR_MISSING
    is_uid = lack.selector.type == "unix" and kind_of(lack.selector) == "uid"
    return Fault.WRONG_UID if is_uid else Fault.WRONG_VALUE


def _remedy_for(lack: Lack, nearest: Candidate) -> Remedy:
    entry, wanted = nearest.entry, lack.selector
    if not lack.instead:
        text = f'have the agent attest "{wanted.type}:{kind_of(wanted)}" of it, or start the process where it has "{wanted}"'
        return Remedy(text, (SHOW.format(entry.id),))
    value = wanted.value.partition(":")[2] or wanted.value
    what = {"uid": "as user", "gid": "as group", "path": "from"}.get(
        kind_of(wanted), f"with {kind_of(wanted)}"
    )
    other = lack.instead[0]
    return Remedy(
        f"start the process {what} {value}",
        (SHOW.format(entry.id),),
        f'grants nothing new; changing the entry to "{other}" instead gives this process the identity and takes it from'
        f' whatever has "{wanted}"',
    )


def _no_entry(scene: Scene) -> Finding:
    agent = scene.agent_id or "AGENT"
    chosen = " ".join(f"-selector {one}" for one in _telling(scene))
    wanted = scene.question.spiffe_id or f"spiffe://{scene.trust_domain or 'TRUST_DOMAIN'}/NAME"
    return Finding(
        Fault.NO_ENTRY,
        "no entry shares a selector with the process",
        Remedy(
            "register the process",
            (f"finial server entry create -parentID {agent} -spiffeID {wanted} {chosen}",),
            "gives an identity to whatever has these selectors",
        ),
    )


def _telling(scene: Scene) -> Sequence[str]:
    """Selectors that say most about a process, for an entry that is to be made."""
    ranks = {"path": 0, "sa": 0, "ns": 1, "uid": 2}
    known = sorted(scene.selectors, key=lambda one: (ranks.get(kind_of(one), 9), str(one)))
    return [str(one) for one in known if kind_of(one) in ranks][:2] or [str(one) for one in known[:1]]


def _expired(nearest: Candidate) -> Iterator[Finding]:
    if nearest.expired:
        entry = nearest.entry
        yield Finding(
            Fault.ENTRY_EXPIRED,
            f"entry {entry.id} for {entry.spiffe_id} has expired",
            Remedy(
                "give the entry a later end, or none",
                (f"{UPDATE.format(entry.id)} ... -entryExpiry 0", SHOW.format(entry.id)),
                "gives its identity again to whatever has its selectors",
            ),
        )


def _hint(scene: Scene, nearest: Candidate) -> Iterator[Finding]:
    wanted = scene.question.hint
    if wanted and nearest.fits and nearest.entry.hint != wanted:
        has = f'"{nearest.entry.hint}"' if nearest.entry.hint else "none"
        yield Finding(
            Fault.HINT,
            f'the process asks for hint "{wanted}"; {nearest.entry.spiffe_id} has {has}',
            Remedy(
                f"ask for hint {has}, or change the entry's",
                (f'{UPDATE.format(nearest.entry.id)} ... -hint "{wanted}"',),
            ),
        )


def _broken(broken: Break, nearest: Candidate, scene: Scene) -> Finding:
    entry, at = nearest.entry, broken.at
    agent = scene.server.agent if scene.server else None
    under = f"finial server entry update -entryID {entry.id} ... -parentID {agent.id if agent else 'AGENT'}"
    gives = f"gives this agent {entry.spiffe_id}"
    if broken.fault is Fault.ALIAS_SHORT:
        missing = " and ".join(f'"{one}"' for one in broken.missing)
        return Finding(
            broken.fault,
            f"the node alias {at} wants {missing}, which this node was not attested with",
            Remedy(
                "attest the node so that it has them, or put the entry below an alias it has",
                (f"finial server agent show -spiffeID {agent.id if agent else 'AGENT'}",),
                f"{gives}, and whatever else stands below {at}",
            ),
        )
    if broken.fault is Fault.PARENT_ELSEWHERE:
        says = f"the entry's parent is another agent, {at}"
        return Finding(
            broken.fault,
            says,
            Remedy("put the entry below this agent", (under,), f"{gives} and takes it from {at}"),
        )
    if broken.fault is Fault.PARENT_MISSING:
        says = f"the entry's parent is agent {at}, which the server does not know"
        text = "attest that agent again, or put the entry below this one"
        return Finding(broken.fault, says, Remedy(text, (under,), gives))
    create = f"finial server entry create -node -spiffeID {at} -selector {_node_selector(scene)}"
    return Finding(
        Fault.ALIAS_MISSING,
        f"the entry's parent is {at}, and no entry makes that an alias of a node",
        Remedy("make the alias", (create,), f"gives every node with that selector what stands below {at}"),
    )


def _node_selector(scene: Scene) -> str:
    agent = scene.server.agent if scene.server else None
    return str(agent.selectors[0]) if agent and agent.selectors else "TYPE:VALUE"
