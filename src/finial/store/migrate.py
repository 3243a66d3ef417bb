"""Opening a database: create it, bring its schema up to ours, or refuse it; then our own tables and triggers.

Rules of SPIRE 1.15 (`pkg/server/datastore/sqlstore/migration.go`): an empty database is created; an equal
schema is used, and its code version raised if it is older; an older one is migrated from version 23 on; a newer one
is used while its server is at most one minor release ahead. All of it is one transaction, and so is handing ours
back: a trigger without its table would fail every write of a stock server. Where triggers are missing, a new history
begins. A server that may not migrate changes no table: what would need that is refused.
"""

from __future__ import annotations

import re

from finial import SPIRE_VERSION
from finial.errors import FailedPrecondition, Internal
from finial.store import schema, triggers
from finial.store.engine import Engine, Transaction
from finial.store.lineage import new_epoch
from finial.store.log import Log

SEMVER = re.compile(r"(\d+)\.(\d+)\.(\d+)(-[^+]+)?(?:\+.*)?\Z")


ADDED = {  # by each version of the schema: table, column, kind of column
    24: ("attested_node_entries", "agent_version", "text"),
    25: ("registered_entries", "additional_attributes", "bytes"),
}
OLDEST = min(ADDED) - 1
ONE_SERVER = "start one server without disable_migration, with a role that may create and alter tables"


async def prepare(engine: Engine, *, migrates: bool = True) -> int:
    """The version of the schema that was found. An empty database is created also by one that migrates nothing.

    Raises: FailedPrecondition for a schema that cannot be used; then nothing was changed."""
    return await engine.write("schema.prepare", lambda tx: _prepare(tx, engine.log, migrates))


async def hand_back(engine: Engine) -> None:
    """Takes all that is ours away and leaves SPIRE's tables alone, as a stock server made them."""
    await engine.write("schema.hand_back", engine.log.remove)


def _prepare(tx: Transaction, log: Log, migrates: bool) -> int:
    if tx.dialect.serialize:
        tx.row(tx.dialect.serialize)
    if _has_table(tx, "migrations"):
        version = _fit_version(tx, migrates)
    else:
        _create(tx)
        version, migrates = schema.VERSION, True
    if not _has_table(tx, "finial_state"):
        _require(migrates, "the database has no change log of Finial")
        _install(tx, log)
    _check_own_version(tx)
    if not log.is_intact(tx):
        # A migration that rebuilt a table took triggers along: what it wrote since is not in the log.
        _require(migrates, "triggers of the change log are missing")
        log.remove(tx)
        _install(tx, log)
    return version


def _require(migrates: bool, why: str) -> None:
    if not migrates:
        raise FailedPrecondition(f"datastore-sql: {why}, and migration is disabled", hint=ONE_SERVER)


def _create(tx: Transaction) -> None:
    taken = [table.name for table in schema.TABLES if _has_table(tx, table.name)]
    if taken:
        raise FailedPrecondition(
            f'datastore-sql: the database has a table "{taken[0]}" but no table "migrations"',
            hint="name a database of SPIRE or Finial, or an empty one",
        )
    for statement in schema.statements(tx.dialect):
        tx.run(statement)
    tx.insert("migrations", {"version": schema.VERSION, "code_version": SPIRE_VERSION})


def _fit_version(tx: Transaction, migrates: bool) -> int:
    """The version that is there."""
    found = tx.row("SELECT version, code_version FROM migrations ORDER BY id LIMIT 1")
    version, code = (int(found[0] or 0), str(found[1] or "0.0.0")) if found else (0, "0.0.0")
    ours, theirs = release(SPIRE_VERSION), release(code)
    if version < schema.VERSION:
        _migrate(tx, version, migrates)
    elif version > schema.VERSION and (ours[0] != theirs[0] or abs(ours[1] - theirs[1]) > 1):
        raise FailedPrecondition(
            "datastore-sql: incompatible DB schema and code version",
            hint=f"the database has schema {version} of release {code}: a server of that release is needed",
        )
    elif version == schema.VERSION and ours > theirs:
        _set_version(tx)
    return version


def _migrate(tx: Transaction, version: int, migrates: bool) -> None:
    if version < OLDEST:
        raise FailedPrecondition(
            f"datastore-sql: migrating from schema version {version} requires a previous SPIRE release;"
            " please follow the upgrade strategy at doc/upgrading.md",
            hint=f"start a stock server of each minor release in between once, up to schema {OLDEST}",
        )
    if not migrates:
        raise FailedPrecondition(
            "datastore-sql: auto-migration must be enabled for current DB",
            hint=f"schema {version} lacks columns of schema {schema.VERSION}: {ONE_SERVER}",
        )
    for added in range(version + 1, schema.VERSION + 1):
        table, column, kind = ADDED[added]
        tx.run(f'ALTER TABLE "{table}" ADD "{column}" {tx.dialect.types[kind]}')
    _set_version(tx)


def _set_version(tx: Transaction) -> None:
    tx.run(
        "UPDATE migrations SET version = :version, code_version = :code, updated_at = :now",
        version=schema.VERSION,
        code=SPIRE_VERSION,
        now=tx.now,
    )


def release(text: str) -> tuple[int, int, int, bool]:
    """Of a semantic version: major, minor, patch, and whether it is no pre-release. Raises: Internal."""
    match = SEMVER.match(text)
    if match is None:
        raise Internal(f'datastore-sql: error getting DB code version: "{text}" is not a version')
    major, minor, patch = (int(part) for part in match.groups()[:3])
    return major, minor, patch, match[4] is None


def _install(tx: Transaction, log: Log) -> None:
    log.install(tx)
    for name, value in (("schema", str(triggers.VERSION)), ("floor", "0"), ("epoch", new_epoch())):
        tx.run("INSERT INTO finial_state (name, value) VALUES (:name, :value)", name=name, value=value)


def _check_own_version(tx: Transaction) -> None:
    found = tx.row("SELECT value FROM finial_state WHERE name = 'schema'")
    if found is None or found[0] != str(triggers.VERSION):
        raise FailedPrecondition(
            f"datastore-sql: the change log has version {found[0] if found else 'none'},"
            f" this release knows {triggers.VERSION}",
            hint="run the newest Finial release that was used on this database",
        )


def _has_table(tx: Transaction, name: str) -> bool:
    return tx.row(tx.dialect.table_exists, name=name) is not None
