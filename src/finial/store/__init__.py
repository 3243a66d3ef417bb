"""What is kept: entries, agents, bundles, tokens, journals, in SPIRE's schema, and the log of their changes."""

from finial.store.bundles import DeleteMode
from finial.store.changes import Changes
from finial.store.entries import Refused, Updated
from finial.store.entry_creation import Created, Similar
from finial.store.journal import StoredJournal
from finial.store.location import Location, Postgres, path_of
from finial.store.log import Change, Kind
from finial.store.position import Committed, Position
from finial.store.rows import Stored
from finial.store.snapshot import Snapshot, Things
from finial.store.store import Store

__all__ = [
    "Change",
    "Changes",
    "Committed",
    "Created",
    "DeleteMode",
    "Kind",
    "Location",
    "Position",
    "Postgres",
    "Refused",
    "Similar",
    "Snapshot",
    "Store",
    "Stored",
    "StoredJournal",
    "Things",
    "Updated",
    "path_of",
]
