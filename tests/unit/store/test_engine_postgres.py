from __future__ import annotations

import pytest

from finial.store.engine_postgres import in_psycopg


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("SELECT :a, :b2_c", "SELECT %(a)s, %(b2_c)s"),
        ("SELECT id::text WHERE id % :of = :n", "SELECT id::text WHERE id %% %(of)s = %(n)s"),
        ("x LIKE 'lineage.%'", "x LIKE 'lineage.%%'"),
    ],
)
def test_parameters_are_named_as_psycopg_names_them(ours: str, theirs: str) -> None:
    assert in_psycopg(ours) == theirs
