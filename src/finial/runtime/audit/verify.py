"""Whether an audit log is as it was written: files in, a verdict out. Who can read them can ask, with a log in use too.

Found is every record that was altered, deleted, put in or moved, and an end that is missing. Without the verification
key nobody sees that all of a log was written anew, with digests and head to fit; with it that is found for all that
was sealed before the forger came. What stands after the last seal, a second of records at most, has the chain alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from finial.errors import InvalidArgument
from finial.runtime.audit.chain import FIRST, Link, Record, parse
from finial.runtime.audit.file import OPENED
from finial.runtime.audit.layout import HEAD, Head
from finial.runtime.audit.seal import SEALED, SealKey


@dataclass(frozen=True, slots=True)
class Verdict:
    """`broken`: file, record and reason of the first fault; empty if there is none. `first`, `last`: numbers of the
    records that were found good; `unsealed`: how many of them no seal follows."""

    broken: str = ""
    first: int = 0
    last: int = 0
    seals: int = 0
    unsealed: int = 0
    notes: tuple[str, ...] = ()


def verify(files: Sequence[Path], head: Head | None = None, key: SealKey | None = None) -> Verdict:
    """`files`: one after another, from any of a log's on. `head`: read before the files if the log is in use; None:
    whether the end is missing is not judged. `key`: the verification key; None: seals are counted, not judged.

    Raises: OSError.
    """
    check = _Check(head, key)
    try:
        for path in files:
            before = check.records
            for line_number, line in _lines(path):
                check.take(path, line_number, line)
            if check.records == before and path != files[-1]:
                raise InvalidArgument(f"{path.name}: nothing of it is left")
        check.end()
    except InvalidArgument as why:
        return check.verdict(why.message)
    return check.verdict("")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        yield from enumerate(file, 1)


class _Check:
    def __init__(self, head: Head | None, key: SealKey | None) -> None:
        self._head, self._key = head, key
        self._link: Link | None = None
        self._first = self._seals = self._unsealed = 0
        self.records = 0
        self._next_seal: int | None = None
        self._head_met = head is None or head.link.number == 0
        self._notes: list[str] = []

    def verdict(self, broken: str) -> Verdict:
        last = self._link.number if self._link else 0
        return Verdict(broken, self._first, last, self._seals, self._unsealed, tuple(self._notes))

    def take(self, path: Path, line_number: int, line: bytes) -> None:
        """Raises: InvalidArgument."""
        if not line.endswith(b"\n"):
            self._notes.append(f"{path.name}: the last line was cut off, by a crash or a full disk")
            return
        where = f"{path.name}, line {line_number}"
        try:
            record = parse(line)
            where = f"{where}: record {record.number}"
            before = self._link or self._start(record)
            link = before.follow(record)
            if record.what == SEALED:
                self._judge_seal(record, before)
            elif record.fields.get("broken"):
                raise InvalidArgument(f"the log was found broken at a start: {record.fields['broken']}")
        except InvalidArgument as why:
            raise InvalidArgument(f"{where}: {why.message}") from why
        self._link = link
        self.records += 1
        self._first = self._first or record.number
        self._unsealed = 0 if record.what == SEALED else self._unsealed + 1
        self._meet_head(where)

    def _start(self, record: Record) -> Link:
        """What stands before the first record that is given: it says so itself."""
        try:
            digest = bytes.fromhex(str(record.fields["previous"]))
        except (KeyError, ValueError):
            digest = b""
        if record.what != OPENED or len(digest) != len(FIRST) or record.number < 1:
            raise InvalidArgument("a log or a file of it does not begin so: what stood before it is missing")
        if record.number == 1:
            self._next_seal, digest = 0, FIRST
        else:
            self._notes.append(f"records 1 to {record.number - 1} are not here and were not judged")
        return Link(record.number - 1, digest)

    def _judge_seal(self, record: Record, before: Link) -> None:
        number = record.fields.get("seal")
        if not isinstance(number, int) or not 0 <= number < record.number:
            raise InvalidArgument("it is no seal")
        if self._next_seal is not None and number != self._next_seal:
            raise InvalidArgument(f"it is seal {number} where seal {self._next_seal} is expected")
        if self._key is not None:
            self._key = self._key.at(number)
            if not self._key.is_seal(record.fields.get("mac"), before.digest):
                raise InvalidArgument(
                    f"seal {number} is not by the key: what stands before it was written anew"
                )
        self._next_seal = number + 1
        self._seals += 1

    def _meet_head(self, where: str) -> None:
        head = self._head
        if head is None or self._link is None or self._link.number != head.link.number:
            return
        if head.link.digest != self._link.digest or self._next_seal != head.key.number:
            raise InvalidArgument(f"{where}: {HEAD} tells another end: one of them was written anew")
        if self._key is not None and self._key.at(head.key.number).key != head.key.key:
            raise InvalidArgument(f"{HEAD} has a key that does not follow from the verification key")
        self._head_met = True

    def end(self) -> None:
        """Raises: InvalidArgument."""
        if self._head_met or self._head is None:
            return
        last = self._link.number if self._link else 0
        raise InvalidArgument(
            f"the end is missing: {HEAD} tells of record {self._head.link.number}, the last one here is {last}"
        )
