"""Which entry a process was most likely meant for."""

from __future__ import annotations

from dataclasses import replace

from finial.doctor.explain.near import candidates
from finial.doctor.explain.scene import Scene
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.testing.seeded_faults import ENTRY, GID, PATH, UID, ZONE, healthy, question, server

OTHER_UID = Selector("unix", "uid:1001")


def known(*entries: Entry) -> Scene:
    scene = healthy()
    assert scene.server
    assert scene.agent
    return server(
        replace(scene, agent=replace(scene.agent, held=())), entries=(*scene.server.entries, *entries)
    )


def test_fewest_changes_come_first_then_what_shares_more() -> None:
    def made(entry_id: str, *selectors: Selector) -> Entry:
        return replace(ENTRY, id=entry_id, selectors=selectors)

    scene = known(made("two", UID, OTHER_UID, Selector("unix", "user:x")), made("one", UID, OTHER_UID))
    assert [one.entry.id for one in candidates(scene)] == ["web", "one", "two"]
    shares = known(made("b", UID, PATH, OTHER_UID), made("c", UID, OTHER_UID))
    assert [one.entry.id for one in candidates(shares)] == ["web", "b", "c"]


def test_what_the_process_has_instead_is_of_the_same_kind() -> None:
    scene = known(replace(ENTRY, id="x", selectors=(GID, OTHER_UID)))
    [lack] = next(one for one in candidates(scene) if one.entry.id == "x").lacks
    assert (lack.selector, lack.instead) == (OTHER_UID, (UID,))


def test_entries_that_share_nothing_are_left_out_unless_they_are_the_expected_one() -> None:
    stranger = Entry("s", SpiffeId.parse("spiffe://example.org/s"), ZONE, (Selector("docker", "label:a:b"),))
    assert "s" not in [one.entry.id for one in candidates(known(stranger))]
    asked = question(known(stranger), spiffe_id=stranger.spiffe_id)
    assert [one.entry.id for one in candidates(asked)] == ["s"]


def test_entries_that_no_process_gets_are_left_out() -> None:
    stored = replace(ENTRY, id="stored", store_svid=True)
    assert {one.entry.id for one in candidates(known(stored))} == {"web"}


def test_the_server_knows_better_than_what_the_agent_still_holds() -> None:
    scene = healthy()
    newer = server(scene, entries=(replace(ENTRY, selectors=(UID,)),))
    assert candidates(newer)[0].entry.selectors == (UID,)
    assert candidates(newer)[0].held is not None
