"""Log lines as SPIRE writes them: logrus text or JSON, fields sorted by name, to stdout or a file.

A message and named fields come in; one line goes out, whole, from any thread. Times are UTC. Nothing a
caller does here fails: a line that cannot be written is dropped and counted. No key and no token gets
through: values of fields with such names, and bytes, are withheld, or refused where `strict` is set, as
in tests and under `python -X dev`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import TextIO

from finial.errors import InvalidArgument
from finial.runtime.log_line import Fields, json_lines, quote, text_lines, timestamp
from finial.runtime.log_line import FieldValue as FieldValue

Now = Callable[[], datetime]

FILE_MODE = 0o640
SECRET_NAMES = frozenset(
    {"token", "join_token", "key", "private_key", "secret", "password", "passphrase", "jwt", "authorization"}
)
WITHHELD = "<withheld>"
CALLER_DEPTH = 3  # of the frame that called Logger.info and the like
INFO_DEPTH = 2  # of the frame that called Logger.info_each


class Level(IntEnum):
    """The higher, the more is written; numbers are logrus's."""

    PANIC = 0
    FATAL = 1
    ERROR = 2
    WARNING = 3
    INFO = 4
    DEBUG = 5
    TRACE = 6

    @classmethod
    def parse(cls, text: str) -> Level:
        """Any case; `warn` is `warning`. Raises: InvalidArgument in SPIRE's words."""
        name = text.upper()
        if name == "WARN":
            return cls.WARNING
        if name not in cls.__members__:
            raise InvalidArgument(f"not a valid logrus Level: {quote(text)}")
        return cls[name]

    def __str__(self) -> str:
        return self.name.lower()


class Format(Enum):
    """Values are SPIRE's `log_format`. Unset differs from `text` in its time: whole seconds."""

    DEFAULT = ""
    TEXT = "text"
    JSON = "json"

    @classmethod
    def parse(cls, text: str) -> Format:
        """Any case. Raises: InvalidArgument in SPIRE's words."""
        try:
            return cls(text.lower())
        except ValueError:
            raise InvalidArgument(f"unknown logger format: {quote(text)}") from None


class Output:
    """Where lines go, and from which level on. Shared by all loggers of a process; thread-safe."""

    def __init__(
        self,
        stream: TextIO,
        *,
        now: Now,
        level: Level = Level.INFO,
        format: Format = Format.DEFAULT,
        source_location: bool = False,
        strict: bool | None = None,
    ) -> None:
        self.level = level
        self.launch_level = level
        self.source_location = source_location
        self.strict = sys.flags.dev_mode if strict is None else strict
        self.dropped = 0
        self._stream = stream
        self._path: str | None = None
        self._now = now
        self._format = format
        self._lock = threading.Lock()

    @classmethod
    def open(
        cls,
        path: str,
        *,
        now: Now,
        level: Level = Level.INFO,
        format: Format = Format.DEFAULT,
        source_location: bool = False,
    ) -> Output:
        """Append to a file; an empty path is stdout. Raises: InvalidArgument if it cannot be opened."""
        stream = open_file(path) if path else sys.stdout
        output = cls(stream, now=now, level=level, format=format, source_location=source_location)
        output._path = path or None
        return output

    def reopen(self) -> None:
        """Open the file anew, after a rotation moved the old one away: what SIGUSR2 asks for.

        Raises: InvalidArgument if it cannot be opened; lines then still go to the old one.
        """
        if self._path is None:
            return
        fresh = open_file(self._path)
        with self._lock:
            old, self._stream = self._stream, fresh
        old.close()

    def close(self) -> None:
        """Close the file; lines of later calls are dropped. Stdout stays open."""
        if self._path is not None:
            self._stream.close()

    def write(self, level: Level, message: str, shared: Fields, records: Sequence[Fields] = ({},)) -> None:
        """A line for each record, all in one write; what all of them have is `shared`."""
        now = self._now().astimezone(UTC)
        lines = json_lines if self._format is Format.JSON else text_lines
        time = timestamp(now, fine=self._format is not Format.DEFAULT)
        text = "".join([f"{line}\n" for line in lines(time, str(level), message, shared, records)])
        with self._lock:
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):  # a full disk, a closed pipe; ValueError is a closed file
                self.dropped += len(records)


class Logger:
    """Writes messages with fields of its own and of the call. Costs a comparison where not written."""

    __slots__ = ("_fields", "output")

    def __init__(self, output: Output, fields: Mapping[str, FieldValue] | None = None) -> None:
        self.output = output
        self._fields = dict(fields or {})

    def with_fields(self, **fields: FieldValue) -> Logger:
        return Logger(self.output, self._fields | guarded(fields, self.output.strict))

    def subsystem(self, name: str) -> Logger:
        """The logger of one part of the program: field `subsystem_name`."""
        return self.with_fields(subsystem_name=name)

    def reopen(self) -> None:
        """What SIGUSR2 asks for. A file that cannot be opened anew is told in the old one, which stays in use."""
        try:
            self.output.reopen()
        except InvalidArgument as why:
            self.error("Failed to rotate log after signal", error=why, hint=why.hint or "")

    def enabled(self, level: Level) -> bool:
        return level <= self.output.level

    def error(self, message: str, /, **fields: FieldValue) -> None:
        self._log(Level.ERROR, message, fields)

    def warning(self, message: str, /, **fields: FieldValue) -> None:
        self._log(Level.WARNING, message, fields)

    def info(self, message: str, /, **fields: FieldValue) -> None:
        self._log(Level.INFO, message, fields)

    def info_each(self, message: str, records: Sequence[dict[str, FieldValue]]) -> None:
        """A line for each record. They leave in one write: each write lets go of the GIL, and on a busy server it
        is a while until a thread gets it back."""
        output = self.output
        if records and output.level >= Level.INFO:
            shared = self._fields | (caller(INFO_DEPTH) if output.source_location else {})
            output.write(Level.INFO, message, shared, [guarded(one, output.strict) for one in records])

    def debug(self, message: str, /, **fields: FieldValue) -> None:
        self._log(Level.DEBUG, message, fields)

    def trace(self, message: str, /, **fields: FieldValue) -> None:
        self._log(Level.TRACE, message, fields)

    def _log(self, level: Level, message: str, fields: dict[str, FieldValue]) -> None:
        output = self.output
        if level > output.level:
            return
        every = self._fields | guarded(fields, output.strict)
        if output.source_location:
            every |= caller()
        output.write(level, message, every)


class StandardLibraryBridge(logging.Handler):
    """Carries records of Python's `logging` (asyncio and libraries use it) to one of our loggers.

    Install it with `logging.basicConfig(handlers=[bridge], level=logging.WARNING)`.
    """

    def __init__(self, logger: Logger) -> None:
        super().__init__(logging.WARNING)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        fields: dict[str, FieldValue] = {"error": error} if error else {}
        write = self._logger.error if record.levelno >= logging.ERROR else self._logger.warning
        write(record.getMessage(), library=record.name, **fields)


def open_file(path: str) -> TextIO:
    try:
        descriptor = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE)
    except OSError as why:
        raise InvalidArgument(
            f"open {path}: {(why.strerror or str(why)).lower()}",
            hint="log_file must name a file in a folder that is there and that this user can write",
        ) from why
    return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")


def guarded(fields: dict[str, FieldValue], strict: bool) -> dict[str, FieldValue]:
    """The fields without what must not be logged. Raises: ValueError if strict."""
    hidden = [name for name, value in fields.items() if name in SECRET_NAMES or isinstance(value, bytes)]
    if not hidden:
        return fields
    if strict:
        raise ValueError(f"log fields {hidden} may hold a secret")
    return fields | dict.fromkeys(hidden, WITHHELD)


def caller(depth: int = CALLER_DEPTH) -> dict[str, FieldValue]:
    """File, line and function of whoever logs."""
    frame = sys._getframe(depth)
    code = frame.f_code
    module = frame.f_globals.get("__name__", "")
    return {
        "file": f"{os.path.basename(code.co_filename)}:{frame.f_lineno}",
        "func": f"{module}.{code.co_qualname}",
    }
