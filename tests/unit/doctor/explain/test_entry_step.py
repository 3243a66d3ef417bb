"""What is said of an entry that does not fit, and what its remedy would give and take."""

from __future__ import annotations

from finial.doctor.explain import Fault, Question, Scene, explain
from finial.spiffe.selector import Selector
from finial.testing.seeded_faults import AGENT, SEEDS, UID, healthy


def test_a_wrong_user_is_told_with_both_values_and_no_widened_grant() -> None:
    [finding] = explain(SEEDS[Fault.WRONG_UID](healthy())).findings
    assert finding.says == (
        'the nearest entry, spiffe://example.org/web, wants "unix:uid:1000"; the process has "unix:uid:1001"'
    )
    assert finding.remedy.text == "start the process as user 1000"
    assert finding.remedy.effect.startswith(
        'grants nothing new; changing the entry to "unix:uid:1001" instead gives'
    )


def test_a_process_nobody_registered_gets_the_command_that_would() -> None:
    seen = healthy()
    server = seen.server
    scene = Scene(Question(selectors=(UID, Selector("unix", "path:/opt/x"))), agent=seen.agent, now=seen.now)
    assert server
    [finding] = explain(scene).findings[:1]
    assert finding.fault is Fault.WRONG_VALUE
    nobody = Scene(Question(selectors=(Selector("docker", "label:a:b"),)), agent=seen.agent, now=seen.now)
    [finding] = explain(nobody).findings
    assert finding.fault is Fault.NO_ENTRY
    assert finding.remedy.commands == (
        f"finial server entry create -parentID {AGENT} -spiffeID spiffe://example.org/NAME -selector docker:label:a:b",
    )
