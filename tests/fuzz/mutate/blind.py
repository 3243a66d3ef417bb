"""Changes to an input that know nothing of it: the bytes before in, the bytes after out; all chance comes in."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0xFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
Edit = Callable[[bytearray, int, random.Random], None]


def flip(data: bytearray, at: int, rng: random.Random) -> None:
    data[at] ^= 1 << rng.randrange(8)


def put(data: bytearray, at: int, rng: random.Random) -> None:
    data[at] = rng.randrange(256)


def insert(data: bytearray, at: int, rng: random.Random) -> None:
    data[at:at] = rng.randbytes(rng.choice((1, 1, 2, 8)))


def drop(data: bytearray, at: int, rng: random.Random) -> None:
    del data[at : at + rng.choice((1, 1, 2, 4, 16, len(data)))]


def repeat(data: bytearray, at: int, rng: random.Random) -> None:
    data[at:at] = data[at : at + rng.choice((1, 4, 16, 64))] * rng.choice((1, 1, 2, 8, 64))


def move(data: bytearray, at: int, rng: random.Random) -> None:
    size = rng.choice((1, 4, 16))
    part = data[at : at + size]
    del data[at : at + size]
    to = rng.randint(0, len(data))
    data[to:to] = part


def edge(data: bytearray, at: int, rng: random.Random) -> None:
    size = rng.choice((1, 2, 3, 4))
    data[at : at + size] = (rng.choice(EDGES) % 256**size).to_bytes(size, "big")


EDITS: tuple[Edit, ...] = (flip, put, insert, drop, repeat, move, edge)


def mutated(data: bytes, others: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:
    """One to six edits; now and then a word of the format, or the tail of another input."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        at = rng.randrange(len(changed)) if changed else 0
        chance = rng.random()
        if words and chance < 0.3:
            changed[at : at + rng.choice((0, 0, 1, 4))] = rng.choice(words)
        elif others and chance < 0.4:
            other = rng.choice(others)
            changed[at:] = other[rng.randint(0, len(other)) :]
        elif changed:
            rng.choice(EDITS)(changed, at, rng)
        else:
            changed += rng.randbytes(4)
    return bytes(changed)
