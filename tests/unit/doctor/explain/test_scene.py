"""What a scene knows as a whole."""

from __future__ import annotations

from dataclasses import replace

from finial.doctor.explain.scene import Question, Scene
from finial.testing.seeded_faults import AGENT, DOMAIN, OTHER, PATH, UID, healthy


def test_selectors_are_those_asked_for_and_those_attested() -> None:
    scene = replace(healthy(), question=Question(selectors=(PATH,)))
    assert {UID, PATH} < scene.selectors


def test_the_agent_is_the_one_that_answered_or_the_one_named() -> None:
    assert healthy().agent_id == AGENT
    assert Scene(Question(agent_id=OTHER)).agent_id == OTHER
    assert healthy().trust_domain == DOMAIN
    assert Scene(Question()).trust_domain is None
