"""The folder of an audit log, and its small files as bytes.

audit-000001.jsonl ...   the records; the highest number is written to
head.json                where the last seal stands, and the key of the next: replaced at each seal
verification.key         the key of the first seal, until somebody takes it away
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from finial.errors import InvalidArgument
from finial.runtime.audit.chain import FIRST, Link
from finial.runtime.audit.seal import KEY_SIZE, SealKey

HEAD, VERIFICATION_KEY = "head.json", "verification.key"
NAME = re.compile(r"audit-([0-9]{6,})\.jsonl")


def name_of(number: int) -> str:
    return f"audit-{number:06d}.jsonl"


def number_of(path: Path) -> int | None:
    """None: it is not the file of an audit log."""
    found = NAME.fullmatch(path.name)
    return int(found[1]) if found else None


def files_in(folder: Path) -> list[Path]:
    """Oldest first. Raises: OSError."""
    numbered = [(number, path) for path in folder.iterdir() if (number := number_of(path)) is not None]
    return [path for _, path in sorted(numbered)]


@dataclass(frozen=True, slots=True)
class Head:
    """The end of what is sealed: in which file and up to which byte, the record there, the key of the next seal."""

    file: int = 1
    size: int = 0
    link: Link = field(default_factory=Link)
    key: SealKey = field(default_factory=SealKey.generate)

    def encode(self) -> bytes:
        told = {
            "file": self.file,
            "size": self.size,
            "n": self.link.number,
            "digest": self.link.digest.hex(),
            "seal": self.key.number,
            "key": self.key.key.hex(),
        }
        return json.dumps(told).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> Head:
        """Raises: InvalidArgument."""
        try:
            told = json.loads(data)
            numbers = [told[name] for name in ("file", "size", "n", "seal")]
            digest, key = bytes.fromhex(told["digest"]), bytes.fromhex(told["key"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InvalidArgument(f"{HEAD} cannot be read") from None
        well = all(type(one) is int and one >= 0 for one in numbers)
        if not well or (len(digest), len(key)) != (len(FIRST), KEY_SIZE):
            raise InvalidArgument(f"{HEAD} cannot be read")
        file, size, number, seal = numbers
        return cls(file, size, Link(number, digest), SealKey(seal, key))


def encode_key(key: SealKey) -> bytes:
    return key.key.hex().encode() + b"\n"


def decode_key(data: bytes) -> SealKey:
    """Of the first seal. Raises: InvalidArgument."""
    try:
        key = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        raise InvalidArgument(f"no verification key: {2 * KEY_SIZE} hexadecimal digits are expected")
    return SealKey(0, key)
