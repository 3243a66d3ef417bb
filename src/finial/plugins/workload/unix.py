"""What the kernel says about a process: user, groups, path and digest of its program.

Read from /proc in a thread: `status` once, and if asked `exe`. IDs are the effective ones. User and group
names are left out where the host has none. SPIRE 1.15 `workloadattestor/unix`.
"""

from __future__ import annotations

import asyncio
import grp
import hashlib
import os
import pwd
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

from finial.config.options import option
from finial.errors import Unavailable
from finial.plugin.kinds import WorkloadProcess
from finial.spiffe.selector import Selector

TYPE = "unix"
CACHED_DIGESTS = 256

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

    async def attest(self, process: WorkloadProcess) -> Sequence[Selector]:
        """Raises: Unavailable if the process ended or may not be looked at."""
        return await asyncio.to_thread(self._selectors, process.pid)

    def _selectors(self, pid: int) -> list[Selector]:
        try:
            return [Selector(TYPE, f"{name}:{value}") for name, value in self._facts(pid)]
        except OSError as why:
            reason = (why.strerror or str(why)).lower()
            raise Unavailable(f"workloadattestor(unix): read process {pid}: {reason}") from why

    def _facts(self, pid: int) -> Iterator[tuple[str, str]]:
        status = read_status(pid)
        uid, gid = status["Uid"].split()[1], status["Gid"].split()[1]
        yield "uid", uid
        yield from named("user", uid, user_name)
        yield "gid", gid
        yield from named("group", gid, group_name)
        for extra in status.get("Groups", "").split():
            yield "supplementary_gid", extra
            yield from named("supplementary_group", extra, group_name)
        if self._config.discover_workload_path:
            yield from self._program(pid)

    def _program(self, pid: int) -> Iterator[tuple[str, str]]:
        exe = f"/proc/{pid}/exe"
        yield "path", os.readlink(exe)
        limit = self._config.workload_size_limit
        if limit >= 0:
            yield "sha256", self._digests.of(exe, limit)


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


def read_status(pid: int) -> dict[str, str]:
    """/proc/PID/status by field. A name with a line break in it is written escaped: it adds no line."""
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as lines:
        return dict(line.split(":", 1) for line in lines if ":" in line)


def named(kind: str, number: str, name_of: Callable[[int], str]) -> Iterator[tuple[str, str]]:
    try:
        yield kind, name_of(int(number))
    except KeyError:
        return


def user_name(uid: int) -> str:
    return pwd.getpwuid(uid).pw_name


def group_name(gid: int) -> str:
    return grp.getgrgid(gid).gr_name
