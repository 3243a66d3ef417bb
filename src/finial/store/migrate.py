"""Opening a database: create it, or check that its schema is ours; then our own tables and triggers.

Rules of SPIRE 1.15 (`pkg/server/datastore/sqlstore/migration.go`): an empty database is created; an equal
schema is used, and its code version raised if it is older; a newer schema is used while its server is at most
one minor release ahead. An older schema is refused. Ours is installed and handed back each in one
transaction: a trigger without its table would fail every write of a stock server. Where triggers are missing,
a new history begins.
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


async def prepare(engine: Engine) -> None:
    """Raises: FailedPrecondition for a schema that cannot be used; then nothing was changed."""
    await engine.write("schema.prepare", lambda tx: _prepare(tx, engine.log))


async def hand_back(engine: Engine) -> None:
    """Takes all that is ours away and leaves SPIRE's tables alone, as a stock server made them."""
    await engine.write("schema.hand_back", engine.log.remove)


def _prepare(tx: Transaction, log: Log) -> None:
    if tx.dialect.serialize:
        tx.row(tx.dialect.serialize)
    if _has_table(tx, "migrations"):
        _check_version(tx)
    else:
        _create(tx)
    if not _has_table(tx, "finial_state"):
        _install(tx, log)
    _check_own_version(tx)
    if not log.is_intact(tx):
        # A migration that rebuilt a table took triggers along: what it wrote since is not in the log.
        log.remove(tx)
        _install(tx, log)


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


def _check_version(tx: Transaction) -> None:
    found = tx.row("SELECT version, code_version FROM migrations ORDER BY id LIMIT 1")
    version, code = (int(found[0] or 0), str(found[1] or "0.0.0")) if found else (0, "0.0.0")
    if version < schema.VERSION:
        raise FailedPrecondition(
            f"datastore-sql: migration from schema {version} is not supported yet",
            hint=f"start a stock SPIRE {SPIRE_VERSION} server on this database once: it migrates to schema"
            f" {schema.VERSION}",
        )
    ours, theirs = release(SPIRE_VERSION), release(code)
    if version > schema.VERSION and (ours[0] != theirs[0] or abs(ours[1] - theirs[1]) > 1):
        raise FailedPrecondition(
            "datastore-sql: incompatible DB schema and code version",
            hint=f"the database has schema {version} of release {code}: a server of that release is needed",
        )
    if version == schema.VERSION and ours > theirs:
        tx.run(
            "UPDATE migrations SET code_version = :code, updated_at = :now", code=SPIRE_VERSION, now=tx.now
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
