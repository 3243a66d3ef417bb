"""What a person reads."""

from __future__ import annotations

from finial.doctor.explain import Fault, explain
from finial.doctor.explain.told import told
from finial.testing.seeded_faults import SEEDS, healthy


def test_a_process_that_has_its_identity_is_told_in_a_few_lines() -> None:
    assert told(explain(healthy())).splitlines() == [
        "Process 4242 has spiffe://example.org/web",
        "",
        "  ok     process       alive: /usr/bin/web",
        "  ok     attestors     unix: 3 selectors",
        "  ok     entry         spiffe://example.org/web, entry web",
        "  ok     parent chain  spiffe://example.org/zone-b below spiffe://example.org/spire/agent/x509pop/a",
        "  ok     agent         spiffe://example.org/spire/agent/x509pop/a",
        "  ok     position      in step with the server 1.0 s ago",
        "  ok     svid          in hand, for 20 min more",
    ]


def test_a_wrong_user_is_told_with_the_nearest_entry_and_one_step() -> None:
    lines = told(explain(SEEDS[Fault.WRONG_UID](healthy()))).splitlines()
    assert lines[0].startswith("No identity: the nearest entry, spiffe://example.org/web, wants")
    assert "  BROKE  entry         nearest: spiffe://example.org/web, entry web" in lines
    assert "  -      svid          nothing to sign" in lines
    assert "  has    unix:gid:1000 unix:path:/usr/bin/web" in lines
    assert "  lacks  unix:uid:1000   the process has unix:uid:1001" in lines
    assert "next: start the process as user 1000" in lines


def test_where_a_way_ends_and_how_many_reasons_there_are() -> None:
    scene = SEEDS[Fault.SERVER_AWAY](SEEDS[Fault.ALIAS_SHORT](healthy()))
    text = told(explain(scene))
    assert (
        "is not this agent's: the way ends at spiffe://example.org/zone-b, which wants x509pop:san:zone-b"
        in text
    )
    assert text.endswith("1 more reason above")
