"""The hash chain: a record's fields in, its line out; a line in, its record out. Pure.

    {"n":7,"time":"...","what":"Entry/BatchDeleteEntry",...,"digest":"<SHA-256, hex>"}

A record's digest is that of the digest before it, as 32 bytes, followed by the record's own bytes without its digest:
`{"n":7,...}`. The bytes of the line are what counts, so nothing has to be brought into a canonical form. The first
record has number 1 and follows 32 zero bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from finial.errors import InvalidArgument

FIRST = bytes(32)
BEFORE_DIGEST, AFTER_DIGEST = b',"digest":"', b'"}'
HEX = 2 * len(FIRST)
TAIL = len(BEFORE_DIGEST) + HEX + len(AFTER_DIGEST)
MAX_LINE = 1 << 20  # bytes of one record; more is none of ours


@dataclass(frozen=True, slots=True)
class Record:
    """`fields` hold all of the line but its digest."""

    number: int
    fields: Mapping[str, object]
    digest: bytes
    body: bytes

    @property
    def what(self) -> str:
        return str(self.fields.get("what", ""))


@dataclass(frozen=True, slots=True)
class Link:
    """The end of a chain: number and digest of its last record."""

    number: int = 0
    digest: bytes = FIRST

    def add(self, fields: Mapping[str, object]) -> tuple[Link, bytes]:
        """The chain with one record more, and that record's line."""
        text = json.dumps({"n": self.number + 1, **fields}, separators=(",", ":"), default=str)
        body = text.encode()  # ASCII: half of a surrogate pair is an escape
        digest = self._digest(body)
        line = body[:-1] + BEFORE_DIGEST + digest.hex().encode() + AFTER_DIGEST + b"\n"
        return Link(self.number + 1, digest), line

    def follow(self, record: Record) -> Link:
        """The chain with this record at its end. Raises: InvalidArgument, which says what is wrong with it."""
        expected = self.number + 1
        if record.number > expected:
            raise InvalidArgument(f"{_numbered(expected, record.number - 1)} missing before it")
        if record.number < expected:
            raise InvalidArgument(f"it stands after record {self.number}: out of order, or there twice")
        if record.digest != self._digest(record.body):
            raise InvalidArgument("its digest is another: it was altered, or put in")
        return Link(record.number, record.digest)

    def _digest(self, body: bytes) -> bytes:
        return sha256(self.digest + body).digest()


def parse(line: bytes) -> Record:
    """One line, with or without its end; whether its digest is right, `Link.follow` says. Raises: InvalidArgument."""
    line = line.removesuffix(b"\n")
    if len(line) > MAX_LINE:
        raise InvalidArgument(f"no audit record: {len(line)} bytes")
    body, told = line[:-TAIL] + b"}", line[-TAIL:]
    told_digest = told[len(BEFORE_DIGEST) : -len(AFTER_DIGEST)]
    if not (told.startswith(BEFORE_DIGEST) and told.endswith(AFTER_DIGEST)):
        raise InvalidArgument("no audit record: it does not end with a digest")
    try:
        digest = bytes.fromhex(told_digest.decode("ascii"))
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidArgument("no audit record: it cannot be read") from None
    number = fields.pop("n", None) if isinstance(fields, dict) else None
    if not isinstance(number, int) or isinstance(number, bool) or len(digest) != len(FIRST):
        raise InvalidArgument("no audit record: it has no number")
    return Record(number, fields, digest, body)


def _numbered(first: int, last: int) -> str:
    return f"record {first} is" if first == last else f"records {first} to {last} are"
