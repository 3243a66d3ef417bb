"""The tables: SPIRE's thirteen as data, and the SQL that creates them.

Column order, types, index names and the absence of defaults, foreign keys and checks are SPIRE's, schema
version 25 (SPIRE 1.15 `pkg/server/datastore/sqlstore/models.go`, read from a database that it created), so
that a stock server opens what is created here and cannot tell the difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from finial.store.dialect import Dialect

VERSION = 25


@dataclass(frozen=True, slots=True)
class Index:
    name: str
    columns: tuple[str, ...]
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` follow id, created_at and updated_at, which each table but the join table begins with."""

    name: str
    columns: tuple[tuple[str, str], ...]  # name, kind; a kind that ends in "!" is NOT NULL
    indexes: tuple[Index, ...] = ()
    primary_key: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All columns, in order."""
        own = tuple(name for name, _ in self.columns)
        return own if self.primary_key else ("id", "created_at", "updated_at", *own)


def columns(text: str) -> tuple[tuple[str, str], ...]:
    """From "name kind, name kind"."""
    pairs = (one.split() for one in text.split(","))
    return tuple((name, kind) for name, kind in pairs)


def unique(name: str, *on: str) -> Index:
    return Index(name, on, unique=True)


TABLES = (
    Table(
        "bundles",
        columns("trust_domain text!, data bytes"),
        (unique("uix_bundles_trust_domain", "trust_domain"),),
    ),
    Table(
        "attested_node_entries",
        columns(
            "spiffe_id text, data_type text, serial_number text, expires_at time,"
            " new_serial_number text, new_expires_at time, can_reattest bool, agent_version text"
        ),
        (
            Index("idx_attested_node_entries_expires_at", ("expires_at",)),
            unique("uix_attested_node_entries_spiffe_id", "spiffe_id"),
        ),
    ),
    Table("attested_node_entries_events", columns("spiffe_id text")),
    Table(
        "node_resolver_map_entries",
        columns("spiffe_id text, type text, value text"),
        (unique("idx_node_resolver_map", "spiffe_id", "type", "value"),),
    ),
    Table(
        "registered_entries",
        columns(
            "entry_id text, spiffe_id text, parent_id text, ttl integer, admin bool, downstream bool,"
            " expiry bigint, revision_number bigint, store_svid bool, hint text, jwt_svid_ttl integer,"
            " additional_attributes bytes"
        ),
        (
            Index("idx_registered_entries_spiffe_id", ("spiffe_id",)),
            Index("idx_registered_entries_parent_id", ("parent_id",)),
            Index("idx_registered_entries_expiry", ("expiry",)),
            Index("idx_registered_entries_hint", ("hint",)),
            unique("uix_registered_entries_entry_id", "entry_id"),
        ),
    ),
    Table("registered_entries_events", columns("entry_id text")),
    Table(
        "join_tokens",
        columns("token text, expiry bigint"),
        (unique("uix_join_tokens_token", "token"),),
    ),
    Table(
        "selectors",
        columns("registered_entry_id integer, type text, value text"),
        (
            Index("idx_selectors_type_value", ("type", "value")),
            unique("idx_selector_entry", "registered_entry_id", "type", "value"),
        ),
    ),
    Table("migrations", columns("version integer, code_version text")),
    Table(
        "dns_names",
        columns("registered_entry_id integer, value text"),
        (unique("idx_dns_entry", "registered_entry_id", "value"),),
    ),
    Table(
        "federated_registration_entries",
        columns("bundle_id integer, registered_entry_id integer"),
        (Index("idx_federated_registration_entries_registered_entry_id", ("registered_entry_id",)),),
        primary_key=("bundle_id", "registered_entry_id"),
    ),
    Table(
        "federated_trust_domains",
        columns(
            "trust_domain text!, bundle_endpoint_url text, bundle_endpoint_profile text,"
            " endpoint_spiffe_id text, implicit bool"
        ),
        (unique("uix_federated_trust_domains_trust_domain", "trust_domain"),),
    ),
    Table(
        "ca_journals",
        columns("data bytes, active_x509_authority_id text, active_jwt_authority_id text"),
        (
            Index("idx_ca_journals_active_x509_authority_id", ("active_x509_authority_id",)),
            Index("idx_ca_journals_active_jwt_authority_id", ("active_jwt_authority_id",)),
        ),
    ),
)


def statements(dialect: Dialect) -> Iterator[str]:
    """Those that create all tables and indexes."""
    for table in TABLES:
        yield f'CREATE TABLE "{table.name}" ({", ".join(_definitions(table, dialect))})'
        for index in table.indexes:
            kind = "UNIQUE INDEX" if index.unique else "INDEX"
            yield f'CREATE {kind} {index.name} ON "{table.name}"({_quoted(index.columns)})'


def _definitions(table: Table, dialect: Dialect) -> Iterator[str]:
    if not table.primary_key:
        yield dialect.id_column
        yield f'"created_at" {dialect.types["time"]}'
        yield f'"updated_at" {dialect.types["time"]}'
    for name, kind in table.columns:
        yield f'"{name}" {dialect.types[kind.rstrip("!")]}{" NOT NULL" if kind.endswith("!") else ""}'
    if table.primary_key:
        yield f"PRIMARY KEY ({_quoted(table.primary_key)})"
    elif dialect.id_constraint:
        yield dialect.id_constraint


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)
