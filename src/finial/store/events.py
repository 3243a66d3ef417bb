# ruff: noqa: S608 - statements are put together from constants of ours, values are parameters
"""SPIRE's two event tables. They are written as SPIRE writes them, for stock servers that share the database,
and never read here; without a stock server nobody else takes their old rows away."""

from __future__ import annotations

from finial.store import timestamp
from finial.store.engine import Transaction


def prune(tx: Transaction, before: int) -> int:
    """How many that were written before that Unix second are gone. SPIRE keeps 12 hours."""
    moment = timestamp.text_of_unix(before)
    older = f"WHERE {tx.dialect.before('created_at', 'before')}"
    entries = tx.run(f"DELETE FROM registered_entries_events {older}", before=moment)
    return entries + tx.run(f"DELETE FROM attested_node_entries_events {older}", before=moment)
