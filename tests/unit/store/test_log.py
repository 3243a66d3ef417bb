from __future__ import annotations

import pytest

from finial.errors import Internal
from finial.store.engine import Transaction
from finial.store.log import epoch_of, state


def test_a_missing_value_of_ours_is_told_with_the_way_out(tx: Transaction) -> None:
    assert state(tx, "epoch") == "e"
    tx.run("DELETE FROM finial_state")
    with pytest.raises(Internal, match="has no epoch"):
        state(tx, "epoch")


def test_the_epoch_follows_the_database_and_its_place(tx: Transaction) -> None:
    first = epoch_of(tx, "e")
    assert first == epoch_of(tx, "e") != epoch_of(tx, "f")
    tx.identity = "elsewhere"
    assert epoch_of(tx, "e") != first
