from __future__ import annotations

import pytest

from finial.store.dialect import POSTGRES, SQLITE, Dialect


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRES])
def test_fragments_name_their_column_and_parameter(dialect: Dialect) -> None:
    assert ":ids" in dialect.among("ids")
    assert "expires_at" in dialect.before("expires_at", "moment")
    assert ":moment" in dialect.before("expires_at", "moment")


def test_every_kind_of_column_has_a_type_everywhere() -> None:
    assert SQLITE.types.keys() == POSTGRES.types.keys()
