"""Records of an audit log that somebody asks for: files in, records out, oldest first. Nothing is verified here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from finial.errors import InvalidArgument
from finial.runtime.audit.chain import Record, parse


@dataclass(frozen=True, slots=True)
class Wanted:
    """Empty: any. Times are Unix seconds; `who` and `what` are parts of the text, upper or lower case alike; `about`
    are fields of what the record is about, each with its value, as `entry_id`."""

    since: float = 0.0
    until: float = 0.0
    who: str = ""
    what: str = ""
    result: str = ""
    about: tuple[tuple[str, str], ...] = ()

    def takes(self, record: Record) -> bool:
        fields = record.fields
        texts = ((self.who, "who"), (self.what, "what"), (self.result, "result"))
        if any(part and part.lower() not in str(fields.get(name, "")).lower() for part, name in texts):
            return False
        return self._in_time(record) and all(
            str(about_of(record).get(name, "")) == value for name, value in self.about
        )

    def _in_time(self, record: Record) -> bool:
        if not (self.since or self.until):
            return True
        at = unix_of(record)
        return self.since <= at and (not self.until or at < self.until)


def about_of(record: Record) -> Mapping[str, object]:
    """What the record is about, by name."""
    about = record.fields.get("about")
    return about if isinstance(about, dict) else {}


def unix_of(record: Record) -> float:
    """0 if it tells no time."""
    try:
        return datetime.fromisoformat(str(record.fields.get("time", ""))).timestamp()
    except ValueError:
        return 0.0


def records(files: Iterable[Path], wanted: Wanted | None = None) -> Iterator[Record]:
    """A last line that was cut off is left out. Raises: InvalidArgument for a line that is no record; OSError."""
    chosen = wanted or Wanted()
    for path in files:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n") and chosen.takes(record := _read(path, number, line)):
                    yield record


def _read(path: Path, number: int, line: bytes) -> Record:
    try:
        return parse(line)
    except InvalidArgument as why:
        raise InvalidArgument(
            f"{path.name}, line {number}: {why.message}", hint="`finial audit verify` says more"
        ) from why
