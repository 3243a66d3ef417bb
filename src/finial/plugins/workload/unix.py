"""What the kernel says about a process: user, groups, path and digest of its program.

IDs are the effective ones; supplementary groups are told on Linux alone, as by SPIRE. User and group names are
left out where the host has none. What may block (a name that a directory server is asked for, a program that
is read) happens in a thread; IDs and names that are known are read on the loop, quicker than a thread is.
SPIRE 1.15 `workloadattestor/unix`.
"""

from __future__ import annotations

import asyncio
import contextlib
import grp
import hashlib
import os
import pwd
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

from finial.config.options import option
from finial.errors import Unavailable
from finial.plugin.kinds import WorkloadProcess
from finial.runtime import process as processes
from finial.spiffe.selector import Selector

TYPE = "unix"
CACHED_DIGESTS = 256
CACHED_NAMES = 4096
NAME_HOLDS = 5.0  # seconds until a name is looked up again

FileState = tuple[int, int, int, int, int]  # device, inode, mtime, ctime (a program cannot set it), size


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    discover_workload_path: bool = option(False, "Tells the path and the SHA-256 of the program.")
    workload_size_limit: int = option(
        0, "Largest program whose SHA-256 is told; 0 is no limit, negative leaves it out.", unit="bytes"
    )


class UnixAttestor:
    """Implements `plugin.kinds.WorkloadAttestor`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._digests = DigestCache()
        self._users, self._groups = Names(user_name), Names(group_name)

    async def attest(self, process: WorkloadProcess) -> Sequence[Selector]:
        """Raises: Unavailable if the process ended or may not be looked at."""
        if not self._config.discover_workload_path:
            with contextlib.suppress(MustWait):
                return self._selectors(process.pid, wait=False)
        return await asyncio.to_thread(self._selectors, process.pid, wait=True)

    def _selectors(self, pid: int, *, wait: bool) -> list[Selector]:
        try:
            return [Selector(TYPE, f"{name}:{value}") for name, value in self._facts(pid, wait)]
        except OSError as why:
            reason = (why.strerror or str(why)).lower()
            raise Unavailable(f"workloadattestor(unix): read process {pid}: {reason}") from why

    def _facts(self, pid: int, wait: bool) -> Iterator[tuple[str, str]]:
        uid, gid, groups = processes.ids(pid)
        yield "uid", str(uid)
        yield from named("user", self._users.of(uid, wait))
        yield "gid", str(gid)
        yield from named("group", self._groups.of(gid, wait))
        for extra in groups:
            yield "supplementary_gid", str(extra)
            yield from named("supplementary_group", self._groups.of(extra, wait))
        if self._config.discover_workload_path:
            yield from self._program(pid)

    def _program(self, pid: int) -> Iterator[tuple[str, str]]:
        yield "path", processes.path(pid)
        limit = self._config.workload_size_limit
        if limit >= 0:
            yield "sha256", self._digests.of(processes.image(pid), limit)


class DigestCache:
    """SHA-256 of files by what they are on disk, the longest unused forgotten first. For many threads."""

    def __init__(self, size: int = CACHED_DIGESTS) -> None:
        self._known: OrderedDict[FileState, str] = OrderedDict()
        self._size = size
        self._lock = Lock()

    def of(self, path: str, limit: int = 0) -> str:
        """Lower hex. Raises: OSError; Unavailable for a file above `limit` bytes, in SPIRE's words."""
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            if 0 < limit < found.st_size:
                raise Unavailable(
                    f"SHA256 digest: workload {path} exceeds size limit ({found.st_size} > {limit})"
                )
            state = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
            with self._lock:
                if state in self._known:
                    self._known.move_to_end(state)
                    return self._known[state]
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._keep(state, digest)
        return digest

    def _keep(self, state: FileState, digest: str) -> None:
        with self._lock:
            self._known[state] = digest
            if len(self._known) > self._size:
                self._known.popitem(last=False)


class MustWait(Exception):
    """The name has to be looked up, which may take long."""


class Names:
    """Names of users, or of groups, by number; each is believed for some seconds. For many threads."""

    def __init__(self, look_up: Callable[[int], str]) -> None:
        self._look_up = look_up
        self._known: dict[int, tuple[float, str | None]] = {}

    def of(self, number: int, wait: bool) -> str | None:
        """None: the host has none. Raises: MustWait unless it is known, or `wait` is set."""
        known = self._known.get(number)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        if not wait:
            raise MustWait
        try:
            name = self._look_up(number)
        except KeyError:
            name = None
        if len(self._known) >= CACHED_NAMES:
            self._known.clear()
        self._known[number] = time.monotonic() + NAME_HOLDS, name
        return name


def named(kind: str, name: str | None) -> Iterator[tuple[str, str]]:
    if name is not None:
        yield kind, name


def user_name(uid: int) -> str:
    return pwd.getpwuid(uid).pw_name


def group_name(gid: int) -> str:
    return grp.getgrgid(gid).gr_name
