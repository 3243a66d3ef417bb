from __future__ import annotations

from pathlib import Path

import pytest

from finial.errors import Internal, Unavailable
from finial.store import lineage
from finial.store.engine import Transaction
from finial.store.lineage import Memory
from finial.store.log_sqlite import SqliteLog

LOG = SqliteLog()


def epoch(tx: Transaction) -> str:
    found: str = tx.rows("SELECT value FROM finial_state WHERE name = 'epoch'")[0][0]
    return found


def test_the_remembered_history_goes_on(tx: Transaction) -> None:
    memory = lineage.renew(tx, LOG, None)
    tx.insert("registered_entries", {"entry_id": "e"})
    lineage.reconcile(tx, LOG, memory)
    assert epoch(tx) == "e"


def test_without_a_memory_nothing_is_concluded(tx: Transaction) -> None:
    lineage.reconcile(tx, LOG, None)
    assert epoch(tx) == "e"


@pytest.mark.parametrize("memory", [Memory("unknown", 0), Memory("known", 99)])
def test_another_history_gets_a_new_epoch_and_an_empty_log(tx: Transaction, memory: Memory) -> None:
    tx.run("INSERT INTO finial_state VALUES ('lineage.known', '0')")
    tx.insert("registered_entries", {"entry_id": "e"})
    lineage.reconcile(tx, LOG, memory)
    assert epoch(tx) != "e"
    assert tx.rows("SELECT * FROM finial_changes") == []
    assert tx.rows("SELECT value FROM finial_state WHERE name = 'floor'") == [("1",)]


def test_each_server_keeps_one_value(tx: Transaction) -> None:
    mine, _ = lineage.renew(tx, LOG, None), lineage.renew(tx, LOG, None)
    lineage.renew(tx, LOG, mine)
    assert tx.rows("SELECT count(*) FROM finial_state WHERE name LIKE 'lineage.%'") == [(2,)]


def test_values_of_servers_that_never_came_back_do_not_pile_up(tx: Transaction) -> None:
    for _ in range(lineage.SLOTS + 3):
        newest = lineage.renew(tx, LOG, None)
        tx.unix += 1
    assert tx.rows("SELECT count(*) FROM finial_state WHERE name LIKE 'lineage.%'") == [(lineage.SLOTS,)]
    lineage.reconcile(tx, LOG, newest)
    assert epoch(tx) == "e"


def test_a_memory_is_kept_beside_the_database(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    assert lineage.recall(path) is None
    lineage.keep(path, Memory("v", 3))
    assert lineage.recall(path) == Memory("v", 3)
    path.write_text("{}")
    with pytest.raises(Internal, match="cannot be read"):
        lineage.recall(path)
    with pytest.raises(Unavailable, match="unable to write"):
        lineage.keep(tmp_path / "none" / "memory.json", Memory("v", 3))
