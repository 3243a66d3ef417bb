"""Store: the server's one door to its database. Coroutines over whole operations; no SQL leaves this package.

Every write is one transaction and answers `Committed`: the value, and the position in the change log that it
reached. Reads see all that was committed before. Cancellation: see `Engine.write`.
Errors are `datastore-sql: ...` and `datastore-validation: ...`, in SPIRE's words where SPIRE has some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from finial.authority.journal import Journal
from finial.errors import Unsupported
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.registry.federation import FederationRelationship
from finial.registry.join_token import JoinToken
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.runtime.metrics import Metrics
from finial.runtime.tasks import Tasks
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.store import (
    agents,
    bundle_changes,
    bundles,
    entries,
    entry_creation,
    events,
    federation,
    journal,
    lineage,
    migrate,
    schema,
    snapshot,
    tokens,
)
from finial.store.bundles import BundleChange, DeleteMode
from finial.store.changes import POLL_PERIOD, Changes
from finial.store.engine import Engine, Transaction
from finial.store.engine_sqlite import SqliteEngine
from finial.store.entries import EntryChange, Refused, Updated
from finial.store.entry_creation import Created, Similar
from finial.store.journal import StoredJournal
from finial.store.location import Location, Postgres, location_of
from finial.store.log import Change
from finial.store.measured import Measured
from finial.store.position import Committed, Position
from finial.store.rows import Stored
from finial.store.snapshot import Bucket, Snapshot, Things

T = TypeVar("T")


class Store:
    """Open it with `open`, end it with `close`; in between every method may be called at any time."""

    def __init__(self, engine: Engine, memory: tuple[Path, lineage.Memory] | None, metrics: Metrics) -> None:
        self._engine, self._measured = engine, Measured(metrics)
        self._memory = memory
        self._tasks = Tasks()
        self.changes = Changes(engine)

    @classmethod
    async def open(
        cls,
        location: str | Location,
        *,
        clock: Clock,
        memory: Path | None = None,
        migrates: bool = True,
        poll_period: float | None = POLL_PERIOD,
        log: Logger | None = None,
        metrics: Metrics | None = None,
    ) -> Store:
        """`location` is the path of a SQLite file, made with its tables if there is none, or a PostgreSQL
        database, in which the tables are made. `memory` is a file of
        this server's, by which it recognises the history that it knew; without it a database that is
        restored in place goes unnoticed. Without `migrates` no table that is there is changed, nor ours added. Each `poll_period` seconds it is seen whether another process has
        committed; None if there is no other. `log` is told how commits of others are heard of, `metrics` how long
        each operation takes.

        Raises: FailedPrecondition for a schema that cannot be used, Unsupported for another engine,
        Unavailable or Internal for a file that cannot be opened or read."""
        engine = await _opened(location_of(location), clock, log)
        try:
            found = await migrate.prepare(engine, migrates=migrates)
            if found < schema.VERSION and log is not None:
                log.info("Done running migrations", schema=schema.VERSION, schema_before=found)
            remembered = await lineage.recognise(engine, memory) if memory else None
        except BaseException:
            await engine.close()
            raise
        store = cls(engine, remembered, metrics or Metrics("spire_server", clock))
        if poll_period is not None:
            polling = store.changes.notice(clock, poll_period)
            store._tasks.start(polling, name="store: commits of other processes")
        return store

    async def close(self) -> None:
        """Finishes the writes that were begun or are waiting; who waits for changes gets Unavailable."""
        try:
            await self._tasks.close()
        finally:
            await self._engine.close()
            self.changes.woken()

    async def remember(self) -> None:
        """Renews what the history is recognised by; to be called every few seconds while there are writes."""
        if self._memory is not None:
            path, before = self._memory
            renewed = await self._engine.write(
                "lineage.renew", lambda tx: lineage.renew(tx, self._engine.log, before)
            )
            lineage.keep(path, renewed)
            self._memory = path, renewed

    async def load(self, after: Position | None = None) -> Snapshot:
        """Everything; half a second for 100,000 entries. `after`: where a follower stood who cannot go on from there;
        if the database has gone back behind that, the snapshot is of another history. Raises: Unavailable also while
        triggers are missing, as in the middle of a dump that is loaded: what comes then is in no log."""
        if after is not None:
            log = self._engine.log
            await self._engine.write("lineage.go_on", lambda tx: lineage.continue_or_begin(tx, log, after))
        return await self._read("entries.list", lambda tx: snapshot.load(tx, self._engine.log))

    async def changed(self, after: Position) -> tuple[Things, Position]:
        """What changed since, and the position to go on from: one read, since handing it to a thread and back is
        what it costs. Raises: FailedPrecondition for a position that cannot be continued from."""
        with self._measured["changed"].measured():
            return await self.changes.read_with(after, snapshot.things)

    async def things(self, changes: Iterable[Change]) -> Things:
        """These, read again."""
        return await self._read("things", lambda tx: snapshot.things(tx, changes))

    async def bucket(self, number: int, of: int) -> Bucket:
        """The entries and agents whose row id leaves `number` when divided by `of`."""
        return await self._read("bucket", lambda tx: snapshot.bucket(tx, self._engine.log, number, of))

    async def _read(self, name: str, work: Callable[[Transaction], T]) -> T:
        with self._measured[name].measured():
            return await self._engine.read(work)

    async def _write(self, name: str, work: Callable[[Transaction], T], *, counted: str = "") -> Committed[T]:
        """`name` is that of its fault points; `counted`: another that it is measured by."""

        def committed(tx: Transaction) -> Committed[T]:
            value = work(tx)
            return Committed(value, self._engine.log.here(tx))

        try:
            with self._measured[counted or name].measured():
                return await self._engine.write(name, committed)
        finally:
            self.changes.woken()  # also when the caller was cancelled after the commit

    # Entries

    async def create_entries(self, given: Sequence[Entry]) -> Committed[list[Created | Similar | Refused]]:
        """One answer an entry, in order; an entry without an ID gets one."""
        return await self._write("entries.create", lambda tx: entry_creation.create(tx, given))

    async def update_entries(
        self, changes: Sequence[tuple[str, EntryChange]]
    ) -> Committed[list[Updated | Refused]]:
        """One answer an entry ID, in order. A change is a pure function; it runs on the writer's thread."""
        return await self._write("entries.update", lambda tx: entries.update(tx, changes))

    async def delete_entries(self, entry_ids: Sequence[str]) -> Committed[list[Entry | None]]:
        """What was there, in order; None: nothing."""
        return await self._write("entries.delete", lambda tx: entries.delete(tx, entry_ids))

    async def prune_expired_entries(self, now: int) -> Committed[list[Entry]]:
        """Those that expired before that Unix second."""
        return await self._write("entries.prune", lambda tx: entries.prune(tx, now))

    async def entry(self, entry_id: str) -> Entry | None:
        return await self._read("entries.fetch", lambda tx: entries.by_id(tx, entry_id))

    async def prune_events(self, before: int) -> Committed[int]:
        """How many of SPIRE's own events, written before that Unix second, are gone; SPIRE keeps 12 hours."""
        return await self._write("events.prune", lambda tx: events.prune(tx, before))

    # Agents

    async def put_agent(self, agent: Agent) -> Committed[Agent]:
        """After an attestation. Raises: PermissionDenied for one that is banned."""
        return await self._write("agents.put", lambda tx: agents.put(tx, agent))

    async def set_renewal(self, id_: SpiffeId, serial_number: str, expires_at: int) -> Committed[Agent]:
        """Raises: NotFound, PermissionDenied for one that is banned."""
        return await self._write(
            "agents.renew", lambda tx: agents.set_renewal(tx, id_, serial_number, expires_at)
        )

    async def activate_serial(self, id_: SpiffeId, serial_number: str) -> Committed[Agent]:
        """The agent as it is then: it is the caller's if its `denial` says so. Raises: NotFound."""
        return await self._write("agents.activate", lambda tx: agents.activate_serial(tx, id_, serial_number))

    async def set_agent_version(self, id_: SpiffeId, version: str) -> Committed[Agent]:
        """Raises: NotFound."""
        return await self._write("agents.version", lambda tx: agents.set_version(tx, id_, version))

    async def ban(self, id_: SpiffeId) -> Committed[Agent]:
        """Raises: NotFound."""
        return await self._write("agents.ban", lambda tx: agents.ban(tx, id_))

    async def delete_agent(self, id_: SpiffeId) -> Committed[Agent]:
        """What was there. Raises: NotFound."""
        return await self._write("agents.delete", lambda tx: agents.delete(tx, id_))

    async def prune_expired_agents(
        self, expired_before: int, *, also_tofu: bool = False, limit: int = 1000
    ) -> Committed[list[Agent]]:
        """At most `limit` that expired before that Unix second; never banned ones."""
        return await self._write(
            "agents.prune", lambda tx: agents.prune(tx, expired_before, also_tofu=also_tofu, limit=limit)
        )

    async def agent(self, id_: SpiffeId) -> Agent | None:
        return await self._read("agents.fetch", lambda tx: agents.by_id(tx, id_))

    # Join tokens

    async def create_join_token(
        self, token: JoinToken, aliases: Sequence[Entry] = ()
    ) -> Committed[JoinToken]:
        """With the entries that give its agent further IDs. Raises: AlreadyExists."""
        return await self._write("tokens.create", lambda tx: tokens.create(tx, token, aliases))

    async def take_join_token(self, value: str) -> Committed[JoinToken | None]:
        """Removes it and answers it; None if it was not there. Of parallel callers one gets it; a caller that
        is cancelled meanwhile may have used it up."""
        return await self._write("tokens.take", lambda tx: tokens.take(tx, value))

    async def prune_join_tokens(self, now: int) -> Committed[int]:
        """How many that expired before that Unix second are gone."""
        return await self._write("tokens.prune", lambda tx: tokens.prune(tx, now))

    # Bundles

    async def bundles(self) -> list[Stored[Bundle]]:
        """All, oldest first; the own one is usually the first."""
        return await self._read("bundles.list", bundles.load)

    async def bundle(self, trust_domain: TrustDomain) -> Bundle | None:
        return await self._read("bundles.fetch", lambda tx: bundles.by_trust_domain(tx, trust_domain))

    async def create_bundle(self, bundle: Bundle) -> Committed[Bundle]:
        """Raises: AlreadyExists."""
        return await self._write("bundles.create", lambda tx: bundles.create(tx, bundle))

    async def set_bundle(self, bundle: Bundle) -> Committed[Bundle]:
        """Made or replaced."""
        return await self._write("bundles.set", lambda tx: bundles.put(tx, bundle))

    async def append_bundle(self, bundle: Bundle) -> Committed[Bundle]:
        """The whole bundle then; its sequence number is one higher if something was added."""
        return await self._write("bundles.append", lambda tx: bundles.append(tx, bundle))

    async def change_bundle(
        self, trust_domain: TrustDomain, how: BundleChange, *, counted: str = ""
    ) -> Committed[Bundle]:
        """`how` is a pure function of the stored bundle, run on the writer's thread; what it raises is raised.

        Raises: NotFound."""
        return await self._write(
            "bundles.change", lambda tx: bundles.change(tx, trust_domain, how), counted=counted
        )

    async def delete_bundle(
        self, trust_domain: TrustDomain, mode: DeleteMode = DeleteMode.RESTRICT
    ) -> Committed[None]:
        """Raises: NotFound; FailedPrecondition if entries federate with it and the mode is RESTRICT."""
        return await self._write("bundles.delete", lambda tx: bundles.delete(tx, trust_domain, mode))

    async def taint_x509_authority(self, trust_domain: TrustDomain, authority_id: str) -> Committed[Bundle]:
        """By subject key identifier, hex. Raises: NotFound, InvalidArgument if it is tainted."""
        return await self.change_bundle(
            trust_domain,
            lambda one: bundle_changes.taint_x509(one, authority_id),
            counted="bundles.taint_x509",
        )

    async def revoke_x509_authority(self, trust_domain: TrustDomain, authority_id: str) -> Committed[Bundle]:
        """Raises: NotFound, InvalidArgument if it is not tainted."""
        return await self.change_bundle(
            trust_domain,
            lambda one: bundle_changes.revoke_x509(one, authority_id),
            counted="bundles.revoke_x509",
        )

    async def taint_jwt_authority(self, trust_domain: TrustDomain, key_id: str) -> Committed[Bundle]:
        """Raises: NotFound, InvalidArgument if it is tainted."""
        return await self.change_bundle(
            trust_domain, lambda one: bundle_changes.taint_jwt(one, key_id), counted="bundles.taint_jwt"
        )

    async def revoke_jwt_authority(self, trust_domain: TrustDomain, key_id: str) -> Committed[Bundle]:
        """Raises: NotFound, InvalidArgument if it is not tainted."""
        return await self.change_bundle(
            trust_domain, lambda one: bundle_changes.revoke_jwt(one, key_id), counted="bundles.revoke_jwt"
        )

    async def prune_bundle(self, trust_domain: TrustDomain, now: int) -> Committed[Bundle]:
        """Without what expired by that Unix second. Raises: NotFound; FailedPrecondition rather than leave
        nothing."""
        return await self.change_bundle(
            trust_domain, lambda one: bundle_changes.pruned(one, now), counted="bundles.prune"
        )

    # Federation relationships

    async def federation_relationships(self) -> list[FederationRelationship]:
        """All, oldest first."""
        return await self._read("federation.list", federation.load)

    async def federation_relationship(self, trust_domain: TrustDomain) -> FederationRelationship | None:
        return await self._read("federation.fetch", lambda tx: federation.by_trust_domain(tx, trust_domain))

    async def create_federation_relationship(
        self, made: FederationRelationship, bundle: Bundle | None = None
    ) -> Committed[None]:
        """Raises: AlreadyExists."""
        return await self._write("federation.create", lambda tx: federation.create(tx, made, bundle))

    async def update_federation_relationship(
        self, changed: FederationRelationship, bundle: Bundle | None = None
    ) -> Committed[None]:
        """Raises: NotFound."""
        return await self._write("federation.update", lambda tx: federation.update(tx, changed, bundle))

    async def delete_federation_relationship(self, trust_domain: TrustDomain) -> Committed[None]:
        """Raises: NotFound."""
        return await self._write("federation.delete", lambda tx: federation.delete(tx, trust_domain))

    # CA journals

    async def load_journals(self) -> list[StoredJournal]:
        """Of all servers on this database."""
        return await self._read("journal.list", journal.load)

    async def put_journal(
        self, id_: int | None, data: Journal, active_x509_authority_id: str
    ) -> Committed[StoredJournal]:
        """A new row without an ID, unless the authority has one. Raises: NotFound."""
        return await self._write(
            "journal.put", lambda tx: journal.put(tx, id_, data, active_x509_authority_id)
        )

    async def prune_journals(self, now: int) -> Committed[list[int]]:
        """Row IDs of those with nothing left that is valid; they are gone."""
        return await self._write("journal.prune", lambda tx: journal.prune(tx, now))


async def _opened(location: Location, clock: Clock, log: Logger | None) -> Engine:
    if not isinstance(location, Postgres):
        return await SqliteEngine.open(location, clock)
    try:
        from finial.store.engine_postgres import PostgresEngine
    except ImportError as error:
        raise Unsupported(
            f"datastore-sql: the driver for PostgreSQL is not there: {error}",
            hint='install it: pip install "finial[postgres]"',
        ) from error
    return await PostgresEngine.open(location, clock, log)
