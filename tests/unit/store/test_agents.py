from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from finial.errors import Denial, NotFound, PermissionDenied
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.store import agents, entries, entry_creation
from finial.store.engine import Transaction

ID = SpiffeId.parse("spiffe://example.org/spire/agent/join_token/t")
AGENT = Agent(
    ID, "join_token", "11", 2000000000, agent_version="1", selectors=(Selector("b", "2"), Selector("a", "1"))
)


def events(tx: Transaction) -> int:
    count: int = tx.rows("SELECT count(*) FROM attested_node_entries_events")[0][0]
    return count


def test_an_attested_agent_is_what_is_read(tx: Transaction) -> None:
    assert agents.put(tx, AGENT) == AGENT == agents.by_id(tx, ID)
    assert agents.load(tx) == [(1, AGENT)]
    assert events(tx) == 2
    assert tx.rows("SELECT expires_at, new_expires_at FROM attested_node_entries") == [
        ("2033-05-18 03:33:20+00:00", None)
    ]


def test_attesting_again_replaces_certificate_and_selectors_and_keeps_the_version(tx: Transaction) -> None:
    agents.put(tx, AGENT)
    agents.set_renewal(tx, ID, "12", 2000000001)
    again = replace(AGENT, serial_number="13", selectors=(Selector("c", "3"),), agent_version="")
    assert agents.put(tx, again) == replace(again, agent_version="1")


def test_a_renewed_certificate_stands_beside_the_old_one_until_it_is_used(tx: Transaction) -> None:
    agents.put(tx, AGENT)
    renewed = agents.set_renewal(tx, ID, "12", 2000000100)
    assert (renewed.serial_number, renewed.new_serial_number) == ("11", "12")
    activated = agents.activate_serial(tx, ID, "12")
    assert activated == replace(AGENT, serial_number="12", expires_at=2000000100) == agents.by_id(tx, ID)
    assert events(tx) == 4


@pytest.mark.parametrize("serial", ["11", "99", ""])
def test_another_serial_activates_nothing(tx: Transaction, serial: str) -> None:
    agents.put(tx, AGENT)
    renewed = agents.set_renewal(tx, ID, "12", 2000000100)
    assert agents.activate_serial(tx, ID, serial) == renewed
    assert events(tx) == 3


def test_a_ban_holds_against_renewal_activation_and_attestation(tx: Transaction) -> None:
    agents.put(tx, AGENT)
    agents.set_renewal(tx, ID, "12", 2000000100)
    assert agents.ban(tx, ID).banned
    refused: list[Callable[[], Agent]] = [
        lambda: agents.set_renewal(tx, ID, "13", 1),
        lambda: agents.put(tx, AGENT),
    ]
    for again in refused:
        with pytest.raises(PermissionDenied, match="agent is banned") as caught:
            again()
        assert caught.value.reason is Denial.AGENT_BANNED
    assert agents.activate_serial(tx, ID, "12").banned
    assert agents.activate_serial(tx, ID, "").banned


@pytest.mark.parametrize(
    "use",
    [
        lambda tx: agents.set_renewal(tx, ID, "1", 1),
        lambda tx: agents.activate_serial(tx, ID, "1"),
        lambda tx: agents.set_version(tx, ID, "1"),
        lambda tx: agents.ban(tx, ID),
        lambda tx: agents.delete(tx, ID),
    ],
)
def test_an_unknown_agent_is_not_found(tx: Transaction, use: Callable[[Transaction], object]) -> None:
    with pytest.raises(NotFound, match="datastore-sql: record not found"):
        use(tx)
    assert events(tx) == 0


def test_the_version_is_written_with_an_event(tx: Transaction) -> None:
    agents.put(tx, AGENT)
    assert agents.set_version(tx, ID, "2").agent_version == "2"
    assert events(tx) == 3


def test_eviction_takes_selectors_and_the_alias_entry_alone(tx: Transaction) -> None:
    agents.put(tx, AGENT)
    own = Selector("spiffe_id", str(ID))
    path = SpiffeId.parse("spiffe://example.org/x")
    entry_creation.create(
        tx,
        [
            Entry("alias", path, ID, (own,)),
            Entry("workload", path, ID, (Selector("unix", "uid:0"),)),
            Entry("two", path, ID, (own, Selector("unix", "uid:0"))),
            Entry("elsewhere", path, path, (own,)),
        ],
    )
    assert agents.delete(tx, ID) == AGENT
    assert agents.load(tx) == []
    assert [one.id for _, one in entries.load(tx)] == ["workload", "two", "elsewhere"]
    assert tx.rows("SELECT count(*) FROM node_resolver_map_entries") == [(0,)]


def test_eviction_of_another_kind_of_agent_leaves_entries(tx: Transaction) -> None:
    agents.put(tx, replace(AGENT, attestation_type="x509pop"))
    entry_creation.create(tx, [Entry("alias", ID, ID, (Selector("spiffe_id", str(ID)),))])
    agents.delete(tx, ID)
    assert len(entries.load(tx)) == 1


def test_pruning_takes_expired_ones_but_never_a_ban(tx: Transaction) -> None:
    def one(name: str, expires: int, reattest: bool = True) -> SpiffeId:
        id_ = replace(ID, path=f"/spire/agent/x/{name}")
        agents.put(tx, replace(AGENT, id=id_, expires_at=expires, can_reattest=reattest))
        return id_

    old, tofu, fresh, banned = (
        one("old", 1000),
        one("tofu", 1000, False),
        one("fresh", 2000),
        one("banned", 1000),
    )
    agents.ban(tx, banned)
    zoned = "UPDATE attested_node_entries SET expires_at = '1970-01-01 09:33:20+09:00' WHERE spiffe_id = :id"
    tx.run(zoned, id=str(fresh))  # 33 minutes and 20 seconds: as a stock server in Tokyo writes it
    assert [gone.id for gone in agents.prune(tx, 2000, also_tofu=False, limit=10)] == [old]
    assert [gone.id for gone in agents.prune(tx, 2001, also_tofu=True, limit=1)] == [tofu]
    assert [gone.id for gone in agents.prune(tx, 2001, also_tofu=True, limit=9)] == [fresh]
    assert [left.id for _, left in agents.load(tx)] == [banned]
