"""Restored, copied and replaced databases: their positions are of another history."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from finial.errors import FailedPrecondition, Unavailable
from finial.registry.join_token import JoinToken
from finial.runtime.clock import SystemClock
from finial.store import Position, Snapshot, Store
from finial.store.location import Postgres
from finial.testing import postgres


def history(path: Path, memory: Path | None, *, renew: bool = False) -> Position:
    """Opens the database, writes once, closes; the position that was reached."""

    async def main() -> Position:
        store = await Store.open(path, clock=SystemClock(), memory=memory)
        try:
            if renew:
                await store.remember()
            position = (await store.create_join_token(JoinToken("t", 1))).position
            await store.take_join_token("t")
        finally:
            await store.close()
        return position

    return asyncio.run(main())


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "history.json"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "datastore.sqlite3"


def test_a_restart_goes_on(path: Path, memory: Path) -> None:
    first, second = history(path, memory), history(path, memory)
    assert second.covers(first) and second.id > first.id


def test_a_file_that_was_replaced_is_another_history(path: Path, memory: Path) -> None:
    first = history(path, memory)
    shutil.copy(path, path.with_suffix(".copy"))
    path.with_suffix(".copy").replace(path)
    with pytest.raises(FailedPrecondition, match="another history"):
        history(path, memory).covers(first)


def test_a_file_that_was_restored_in_place_is_another_history(path: Path, memory: Path) -> None:
    history(path, memory)
    backup = path.read_bytes()
    lost = history(path, memory, renew=True)
    with path.open("r+b") as file:  # the same inode
        file.write(backup)
        file.truncate()
    with pytest.raises(FailedPrecondition, match="another history"):
        history(path, memory).covers(lost)


def test_without_a_memory_a_restart_goes_on(path: Path) -> None:
    first = history(path, None)
    assert history(path, None).covers(first)


def test_a_cluster_put_back_under_a_running_server_is_another_history() -> None:
    """The files of an earlier moment: same system, same timeline, and numbers that are given a second time."""

    async def main(cluster: postgres.Cluster) -> None:
        store = await Store.open(cluster.dsn, clock=SystemClock())
        try:
            kept = await store.create_join_token(JoinToken("kept", 1))
            data, copy = cluster.folder / "data", cluster.folder / "copy"
            with stopped(cluster):
                await asyncio.to_thread(copy_owned, data, copy)
            await until_back(store, kept.position)
            lost = [(await store.create_join_token(JoinToken(f"lost{n}", 1))).position for n in range(5)][-1]
            with stopped(cluster):
                shutil.rmtree(data)
                copy.rename(data)
            again = await until_back(store, lost)
            assert again.position.epoch != lost.epoch
            written = [(await store.create_join_token(JoinToken(f"new{n}", 1))).position for n in range(9)][
                -1
            ]
            with pytest.raises(FailedPrecondition, match="another history"):
                written.covers(lost)
            assert (await store.load(again.position)).position.epoch == written.epoch, "once is enough"
        finally:
            await store.close()

    with postgres.own(durable=True) as cluster:
        asyncio.run(main(cluster))


@pytest.mark.slow
def test_a_dump_that_is_loaded_under_a_running_server_is_another_history() -> None:
    """Where it is complete: rows come before the triggers, which would log them."""

    async def main(cluster: postgres.Cluster) -> None:
        store = await Store.open(cluster.dsn, clock=SystemClock(), poll_period=None)
        try:
            await store.create_join_token(JoinToken("kept", 1))
            parts = [dump(cluster, one) for one in ("pre-data", "data", "post-data")]
            lost = (await store.create_join_token(JoinToken("lost", 1))).position
            for part in parts[:2]:
                load(cluster, part)
            for _ in range(2):
                with pytest.raises(Unavailable, match="triggers of the change log are missing"):
                    await store.load(lost)
            load(cluster, parts[2])
            with pytest.raises(FailedPrecondition, match="another history"):
                await store.changes.read(lost)
            again = (await store.load(lost)).position
            assert again.epoch != lost.epoch
            assert (await store.take_join_token("lost")).value is None
            taken = await store.take_join_token("kept")
            assert taken.value is not None and taken.position.covers(again)
            assert len((await store.changes.read(again))[0]) == 1
        finally:
            await store.close()

    with postgres.own() as cluster:
        asyncio.run(main(cluster))


def dump(cluster: postgres.Cluster, section: str) -> bytes:
    """A part of a plain dump that replaces what is there."""
    clean = ("--clean", "--if-exists") if section == "pre-data" else ()
    command = (cluster.program("pg_dump"), f"--section={section}", *clean, cluster.dsn)
    return subprocess.run(command, check=True, capture_output=True).stdout


def load(cluster: postgres.Cluster, part: bytes) -> None:
    command = (cluster.program("psql"), "-q", "-v", "ON_ERROR_STOP=1", cluster.dsn)
    subprocess.run(command, check=True, input=part, stdout=subprocess.DEVNULL)


@pytest.mark.slow
def test_a_failover_to_a_replica_that_lags_is_another_history() -> None:
    """What the primary acknowledged last is gone, and its numbers are given a second time."""

    async def main(primary: postgres.Cluster, replica: postgres.Cluster) -> None:
        both = f"host=127.0.0.1,127.0.0.1 port={primary.port},{replica.port} user=finial dbname=postgres"
        location = Postgres(f"{both} sslmode=disable target_session_attrs=read-write")
        store = await Store.open(location, clock=SystemClock())
        try:
            await store.create_join_token(JoinToken("kept", 1))
            await asyncio.to_thread(left_behind, primary, replica)
            lost = [(await store.create_join_token(JoinToken(f"lost{n}", 1))).position for n in range(5)][-1]
            await asyncio.to_thread(primary.kill)
            try:
                await asyncio.to_thread(replica.promote)
                await promoted(store, lost)
            finally:
                await asyncio.to_thread(primary.start)
        finally:
            await store.close()

    async def promoted(store: Store, lost: Position) -> None:
        again = await until_back(store, lost)
        assert again.position.epoch != lost.epoch
        assert (await store.take_join_token("kept")).value is not None
        assert (await store.take_join_token("lost0")).value is None
        written = [(await store.create_join_token(JoinToken(f"new{n}", 1))).position for n in range(9)][-1]
        assert written.id > lost.id
        with pytest.raises(FailedPrecondition, match="another history"):
            written.covers(lost)

    with postgres.own(durable=True) as primary, primary.standby() as replica:
        asyncio.run(main(primary, replica))


def left_behind(primary: postgres.Cluster, replica: postgres.Cluster) -> None:
    """It has all that was committed, and hears of nothing more."""
    with psycopg.connect(primary.dsn) as connection:
        (end,) = connection.execute("SELECT pg_current_wal_lsn()").fetchone() or ("",)
    with psycopg.connect(replica.dsn, autocommit=True) as connection:
        until(connection, f"SELECT 1 WHERE pg_last_wal_replay_lsn() >= '{end}'", True)
        connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
        connection.execute("SELECT pg_reload_conf()")
        until(connection, "SELECT 1 FROM pg_stat_wal_receiver", False)


def until(connection: psycopg.Connection[tuple[Any, ...]], query: str, found: bool) -> None:
    end = time.monotonic() + 20
    while bool(connection.execute(query.encode()).fetchall()) != found:
        assert time.monotonic() < end
        time.sleep(0.02)


def copy_owned(data: Path, copy: Path) -> None:
    """With the owner, who may be another than the test."""
    subprocess.run(["cp", "-a", data, copy], check=True)


@contextmanager
def stopped(cluster: postgres.Cluster) -> Iterator[None]:
    cluster.stop()
    yield
    cluster.start()


async def until_back(store: Store, after: Position) -> Snapshot:
    """Loaded anew by a follower that stood there."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await store.load(after)
            except Unavailable:
                await asyncio.sleep(0.05)
