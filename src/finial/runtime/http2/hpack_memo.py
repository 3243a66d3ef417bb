"""HPACK that remembers: equal header blocks in equal table states have equal results.

Every connection of one client program starts with the same bytes, and every answer carries the same headers
and trailers, yet hpack works them out letter by letter. A table state is known by a number (0: empty); a known
(state, block) pair gives the result and the next state.

What differs from call to call is kept out, and so is every credential: the encoder sends such fields as
"never indexed", which leaves the table state alone; a decoder that meets one remembers no more on its
connection. A full memory is emptied, so a hostile peer gains nothing and hot blocks are learnt again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from hpack import Decoder, Encoder
from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple
from hpack.table import HeaderTable

BOUND = 512
LONGEST = 512
"""Bytes of a block, and total of a list's names and values, worth keeping."""
VOLATILE = frozenset(
    {
        "authorization",
        "cookie",
        "grpc-timeout",
        "grpc-message",
        "grpc-status-details-bin",
        "finial-position-bin",
        "finial-warnings-bin",
    }
)
STANDARD_TABLE = 4096

Entries = tuple[tuple[bytes, bytes], ...]
B = TypeVar("B")
R = TypeVar("R")


@dataclass(slots=True)
class Known(Generic[R]):
    """What a block comes to: its result, and the table after it."""

    result: R
    state: int
    entries: Entries
    size: int


@dataclass(slots=True)
class Memo(Generic[B, R]):
    """Shared by all connections of one role."""

    known: dict[tuple[int, B], Known[R]] = field(default_factory=dict)
    states: dict[Entries, int] = field(default_factory=lambda: {(): 0})
    last_state: int = 0

    def keep(self, state: int, block: B, result: R, table: HeaderTable) -> int:
        """Remembers one step and answers the number of the state after it; numbers are never used twice."""
        if len(self.known) >= BOUND:
            self.known.clear()
            self.states = {(): 0}
        entries: Entries = tuple(table.dynamic_entries)
        after = self.states.get(entries)
        if after is None:
            after = self.states[entries] = self.last_state = self.last_state + 1
        self.known[state, block] = Known(result, after, entries, table._current_size)
        return after


def restore(table: HeaderTable, known: Known[Any]) -> int:
    table.dynamic_entries = deque(known.entries)
    table._current_size = known.size
    return known.state


class MemoDecoder(Decoder):
    """hpack's decoder; `state` None: decodes without memory from here on."""

    memo: Memo[tuple[bytes, bool], tuple[HeaderTuple, ...]] = Memo()
    state: int | None = 0

    def decode(self, data: bytes, raw: bool = False) -> Iterable[HeaderTuple]:
        if self.state is None or len(data) > LONGEST or self.header_table._maxsize != STANDARD_TABLE:
            self.state = None
            return super().decode(data, raw)
        block = (bytes(data), raw)
        known = self.memo.known.get((self.state, block))
        if known is not None:
            if known.state != self.state:
                self.state = restore(self.header_table, known)
            return list(known.result)
        result = tuple(super().decode(data, raw))
        resized = (
            self.header_table._maxsize != STANDARD_TABLE
        )  # by the block itself: no number tells that state
        if resized or any(text(name) in VOLATILE for name, _ in result):
            self.state = None
        else:
            self.state = self.memo.keep(self.state, block, result, self.header_table)
        return list(result)


class MemoEncoder(Encoder):
    """hpack's encoder; volatile fields come last in the block, never indexed."""

    memo: Memo[tuple[Any, ...], bytes] = Memo()
    state: int | None = 0

    def encode(self, headers: Any, huffman: bool = True) -> bytes:
        stable = []
        volatile = []
        for header in headers:
            if text(header[0]) in VOLATILE or isinstance(header, NeverIndexedHeaderTuple):
                volatile.append(NeverIndexedHeaderTuple(*header[:2]))
            else:
                stable.append(header)
        block = self._stable(stable, huffman)
        return block + super().encode(volatile, huffman=False) if volatile else block

    def _stable(self, headers: list[Any], huffman: bool) -> bytes:
        if (
            self.state is None
            or self.table_size_changes
            or self.header_table._maxsize != STANDARD_TABLE
            or sum(len(name) + len(value) for name, value in headers) > LONGEST
        ):
            self.state = None
            return super().encode(headers, huffman)
        block = tuple(headers)
        known = self.memo.known.get((self.state, block))
        if known is not None:
            if known.state != self.state:
                self.state = restore(self.header_table, known)
            return known.result
        result = super().encode(headers, huffman)
        self.state = self.memo.keep(self.state, block, result, self.header_table)
        return result


def text(name: str | bytes) -> str:
    return name if isinstance(name, str) else name.decode("latin-1")
