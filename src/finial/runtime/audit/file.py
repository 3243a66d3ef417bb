"""The files of one audit log, written by one process: append, seal, go on with the next file. Blocks.

Each append is one write and one fsync; one that failed leaves nothing in the chain. At the start the log goes on where
it ends, a record that was cut off by a crash is dropped. If the end is not the one that was sealed, somebody was at
it: the chain goes on in a new file from the sealed end, and says so, as `verify` will from then on.

Fault points: `audit.append`, `audit.written`, and those of `head.json` and `verification.key` (`private_file`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from finial.errors import FailedPrecondition, FinialError, InvalidArgument
from finial.runtime import fault, private_file
from finial.runtime.audit.chain import Link, parse
from finial.runtime.audit.layout import HEAD, VERIFICATION_KEY, Head, encode_key, files_in, name_of, number_of
from finial.runtime.audit.seal import SEALED

FOLDER_MODE = 0o700
OPENED = "audit/opened"
SIZE_LIMIT = 16 << 20


class AuditFile:
    """Thread-safe. `broken`: what was found wrong with the end of the log at the start; empty as a rule."""

    def __init__(self, folder: Path, time: str, *, size_limit: int = SIZE_LIMIT) -> None:
        """Opens the log in this folder, or begins one. `time`: for the record of that.

        Raises: FailedPrecondition if another process writes it, or its head is gone; InvalidArgument if it cannot be
        used.
        """
        self._folder, self._limit = folder, size_limit
        self._lock = threading.Lock()
        self._descriptor = -1
        self.begun = False
        self.broken = ""
        try:
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            head = self._head()
            self._link, self._key = head.link, head.key
            self._number, self._size = head.file, head.size
            self._find_end(head)
            self._open(time)
        except (OSError, FinialError) as why:
            self._let_go()
            if isinstance(why, FinialError):
                raise
            raise InvalidArgument(
                f'audit log "{folder}": {(why.strerror or str(why)).lower()}',
                hint="audit.folder must be a folder that this user can write",
            ) from why

    @property
    def link(self) -> Link:
        return self._link

    def _head(self) -> Head:
        """Of the log that is there; else that of a new one, whose key is written down first."""
        path = self._folder / HEAD
        with contextlib.suppress(FileNotFoundError):
            return Head.decode(path.read_bytes())
        if files_in(self._folder):
            raise FailedPrecondition(
                f'audit log "{self._folder}": {HEAD} is gone',
                hint="move the folder away to keep it as evidence; a new log is begun then",
            )
        head = Head()
        private_file.replace(self._folder / VERIFICATION_KEY, encode_key(head.key))
        private_file.replace(path, head.encode())
        self.begun = True
        return head

    def _find_end(self, head: Head) -> None:
        """What was appended since the head was written is gone through, record by record."""
        newest = max((number_of(one) or 0 for one in files_in(self._folder)), default=0)
        try:
            for number in range(head.file, max(newest, head.file) + 1):
                self._follow(number, head.size if number == head.file else 0)
        except InvalidArgument as why:
            self.broken = f"{name_of(self._number)}: {why.message}"
            self._link, self._key = head.link, head.key
            self._number, self._size = max(newest, head.file) + 1, 0

    def _follow(self, number: int, start: int) -> None:
        """Raises: InvalidArgument if the file is not as it was written; OSError."""
        self._number, self._size = number, start
        path = self._folder / name_of(number)
        if (path.stat().st_size if path.exists() else 0) < start:
            raise InvalidArgument(f"the end, up to record {self._link.number}, is missing")
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(start)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # cut off by a crash
                self._take(line)

    def _take(self, line: bytes) -> None:
        record = parse(line)
        before = self._link
        try:
            self._link = before.follow(record)
        except InvalidArgument as why:
            raise InvalidArgument(f"record {record.number}: {why.message}") from why
        if record.what == SEALED:
            self._key = self._key.next()
        self._size += len(line)

    def _open(self, time: str) -> None:
        """The file with this number, from its end on; a record says so."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        path = self._folder / name_of(self._number)
        self._descriptor = os.open(path, flags, private_file.MODE)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FailedPrecondition(
                f'audit log "{self._folder}" is written by another process',
                hint="each server and agent has an audit.folder of its own",
            ) from None
        if os.fstat(self._descriptor).st_size > self._size:
            os.ftruncate(self._descriptor, self._size)
        self._force_name()
        told = {"time": time, "what": OPENED, "file": self._number, "previous": self._link.digest.hex()}
        self._write([told | ({"broken": self.broken} if self.broken else {})])

    def _force_name(self) -> None:
        """A new file is in its folder after a crash, too."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def append(self, records: Iterable[Mapping[str, object]], time: str) -> None:
        """All of them, or none. `time`: for the record of a next file. Raises: OSError."""
        with self._lock:
            if self._descriptor < 0 or self._size >= self._limit:
                self._next_file(time)
            self._write(records)

    def seal(self, time: str) -> None:
        """What stands in the log so far. Raises: OSError; the seal may stand there all the same."""
        with self._lock:
            key = self._key
            told = {"time": time, "what": SEALED, "seal": key.number, "mac": key.seal(self._link.digest)}
            self._write([told])
            self._key = key.next()
            head = Head(self._number, self._size, self._link, self._key)
            private_file.replace(self._folder / HEAD, head.encode())

    def close(self) -> None:
        with self._lock:
            self._let_go()

    def _next_file(self, time: str) -> None:
        before = self._number, self._size
        self._let_go()
        self._number, self._size = self._number + 1, 0
        try:
            self._open(time)
        except (OSError, FinialError):
            self._let_go()
            self._number, self._size = before
            raise

    def _write(self, records: Iterable[Mapping[str, object]]) -> None:
        link, lines = self._link, []
        for fields in records:
            link, line = link.add(fields)
            lines.append(line)
        data = b"".join(lines)
        try:
            fault.point("audit.append")
            _write_all(self._descriptor, data)
            os.fsync(self._descriptor)
            fault.point("audit.written")
        except OSError:
            self._take_back()
            raise
        self._link, self._size = link, self._size + len(data)

    def _take_back(self) -> None:
        """A part that was written is no record. Where it cannot be cut off, the log goes on in another file."""
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            self._let_go()

    def _let_go(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
