"""Each fault that is sown is found, alone and beside each other one; where none is sown none is found."""

from __future__ import annotations

from itertools import combinations

import pytest

from finial.doctor.explain import Fault, Name, Question, Scene, Verdict, explain
from finial.spiffe.selector import Selector
from finial.testing.seeded_faults import GID, HIDES, OF_THE_CHAIN, PATH, SEEDS, UID, WEB, healthy, question


def found(scene: Scene) -> set[Fault]:
    return {finding.fault for finding in explain(scene).findings}


def test_every_fault_is_sown() -> None:
    assert SEEDS.keys() == set(Fault)


def test_where_all_is_well_it_says_so() -> None:
    explanation = explain(healthy())
    assert explanation.findings == ()
    assert explanation.headline == f"process 4242 has {WEB}"
    assert explanation.identities == (str(WEB),)
    assert explanation.remedy is None
    assert {step.verdict for step in explanation.steps} == {Verdict.PASSED}
    assert [step.name for step in explanation.steps] == list(Name)


@pytest.mark.parametrize("fault", SEEDS)
def test_a_fault_is_found_and_no_other(fault: Fault) -> None:
    explanation = explain(SEEDS[fault](healthy()))
    assert [finding.fault for finding in explanation.findings] == [fault]
    assert any(step.verdict is Verdict.BROKE for step in explanation.steps)
    assert explanation.findings[0].says in explanation.headline
    assert explanation.remedy
    assert explanation.remedy.text
    assert explanation.remedy.effect


@pytest.mark.parametrize(("one", "other"), list(combinations(SEEDS, 2)))
def test_two_faults_are_both_found(one: Fault, other: Fault) -> None:
    if {one, other} <= OF_THE_CHAIN:
        pytest.skip("an entry has one parent")
    if other in HIDES.get(one, ()):
        one, other = other, one
    expected = {one, other} - HIDES.get(one, set()) - HIDES.get(other, set())
    assert expected
    assert found(SEEDS[other](SEEDS[one](healthy()))) == expected


def test_the_first_finding_is_what_is_to_be_mended_first() -> None:
    scene = SEEDS[Fault.SERVER_AWAY](SEEDS[Fault.WRONG_UID](healthy()))
    assert [finding.fault for finding in explain(scene).findings] == [Fault.WRONG_UID, Fault.SERVER_AWAY]


def test_selectors_alone_are_enough_to_ask_a_server() -> None:
    seen = healthy()
    scene = Scene(
        Question(selectors=(Selector("unix", "uid:1001"), GID, PATH)), server=seen.server, now=seen.now
    )
    explanation = explain(scene)
    assert [finding.fault for finding in explanation.findings] == [Fault.WRONG_UID]
    assert explanation.headline.startswith("no identity: the nearest entry")


def test_what_nobody_could_see_is_said_not_guessed() -> None:
    seen = healthy()
    scene = Scene(Question(selectors=(UID, GID, PATH)), server=seen.server, now=seen.now)
    explanation = explain(scene)
    assert explanation.findings == ()
    assert explanation.headline == "nothing that was seen keeps such a process from an identity"
    assert {step.name for step in explanation.steps if step.verdict is Verdict.NOT_AVAILABLE} == {
        Name.AGENT,
        Name.POSITION,
        Name.SVID,
    }


def test_where_nothing_is_known_it_says_so() -> None:
    silent = explain(Scene(Question(pid=1), agent_silent="a stock agent tells nothing of its processes"))
    assert silent.findings == ()
    assert silent.headline == "nothing is known of process 1: a stock agent tells nothing of its processes"


def test_the_expected_identity_is_judged_though_another_is_nearer() -> None:
    other = question(healthy(), spiffe_id=WEB.of(WEB.trust_domain, "/db"))
    explanation = explain(other)
    assert explanation.candidates[0].entry.id == "db"
    assert [finding.fault for finding in explanation.findings] == [Fault.SELECTOR_MISSING]
