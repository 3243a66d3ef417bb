from __future__ import annotations

from finial.store import triggers
from finial.store.triggers_postgres import names, statements


def test_every_table_of_the_log_has_a_trigger_for_each_event() -> None:
    made = list(statements())
    for table in (*triggers.THINGS, *triggers.PARTS_OF_ENTRIES):
        assert sum(f" ON {table} " in one and one.startswith("CREATE TRIGGER") for one in made) == 4
    assert len(names()) == 40


def test_a_join_token_is_named_by_its_row() -> None:
    (function,) = (one for one in statements() if "FUNCTION finial_join_tokens()" in one and "$$" in one)
    assert "id::text" in function and "token::text" not in function
