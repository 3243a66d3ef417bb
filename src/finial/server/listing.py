"""Rows in their order, with SPIRE's filters and pages: what ListEntries and ListAgents answer from.

Values are kept by key and in the order of their database rows' ids. A page token is the decimal id of
the page's last row: it holds after a restart, at every server on the database, and when that row is gone.
A token is given with every page that is not empty. Without a page size everything is answered at once and
no token.
SPIRE 1.15 `pkg/server/datastore/sqlstore`, listRegistrationEntries and listAttestedNodes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from operator import itemgetter
from typing import Generic, TypeVar

from finial.errors import InvalidArgument
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain

MAX_TOKEN = 2**32 - 1  # SPIRE 1.15.3 reads a token as 32 bits
MAX_DIGITS = 64  # zeros in front are read
ROW = itemgetter(0)

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Thing = TypeVar("Thing", bound=Hashable)


class Behaviour(IntEnum):
    """How a set of a filter is held against a set of the row; numbers of the API."""

    EXACT = 0
    SUBSET = 1
    SUPERSET = 2
    ANY = 3


@dataclass(frozen=True, slots=True)
class SetMatch(Generic[Thing]):
    wanted: frozenset[Thing]
    behaviour: Behaviour

    def accepts(self, having: Iterable[Thing]) -> bool:
        """A row that has none of the wanted never matches, as in SPIRE's joins."""
        has = frozenset(having)
        if not has & self.wanted:
            return False
        match self.behaviour:
            case Behaviour.EXACT:
                return has == self.wanted
            case Behaviour.SUBSET:
                return has <= self.wanted
            case Behaviour.SUPERSET:
                return has >= self.wanted
            case Behaviour.ANY:
                return True


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """None (and an empty hint, and downstream=False): not filtered by."""

    spiffe_id: SpiffeId | None = None
    parent_id: SpiffeId | None = None
    selectors: SetMatch[Selector] | None = None
    federates_with: SetMatch[TrustDomain] | None = None
    hint: str = ""
    downstream: bool = False

    def accepts(self, entry: Entry) -> bool:
        return (
            (self.spiffe_id is None or entry.spiffe_id == self.spiffe_id)
            and (self.parent_id is None or entry.parent_id == self.parent_id)
            and (not self.hint or entry.hint == self.hint)
            and (not self.downstream or entry.downstream)
            and (self.selectors is None or self.selectors.accepts(entry.selectors))
            and (self.federates_with is None or self.federates_with.accepts(entry.federates_with))
        )


@dataclass(frozen=True, slots=True)
class AgentFilter:
    attestation_type: str = ""
    selectors: SetMatch[Selector] | None = None
    banned: bool | None = None
    can_reattest: bool | None = None
    expires_before: float | None = None  # Unix seconds

    def accepts(self, agent: Agent) -> bool:
        return (
            (not self.attestation_type or agent.attestation_type == self.attestation_type)
            and (self.banned is None or agent.banned == self.banned)
            and (self.can_reattest is None or agent.can_reattest == self.can_reattest)
            and (self.expires_before is None or agent.expires_at < self.expires_before)
            and (self.selectors is None or self.selectors.accepts(agent.selectors))
        )


@dataclass(frozen=True, slots=True)
class Page(Generic[Value]):
    values: list[Value]
    next_token: str = ""


def read_token(token: str) -> int:
    """Raises: InvalidArgument, in SPIRE's words."""
    if not token:
        return 0
    # Python reads no number of thousands of digits.
    if not (token.isascii() and token.isdigit()) or len(token) > MAX_DIGITS or int(token) > MAX_TOKEN:
        raise InvalidArgument(f"could not parse token '{token}'")
    return int(token)


class Ordered(Generic[Key, Value]):
    """Values by key, walked in the order of their rows."""

    def __init__(self) -> None:
        self._values: dict[Key, tuple[int, Value]] = {}
        # Two keys may share a row for a moment: a row that changed hands is told key by key.
        self._order: list[tuple[int, Key]] = []

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def get(self, key: Key) -> Value | None:
        found = self._values.get(key)
        return found[1] if found else None

    def row(self, key: Key) -> int | None:
        """The id of its database row."""
        found = self._values.get(key)
        return found[0] if found else None

    def fill(self, rows: Iterable[tuple[int, Value]], key: Callable[[Value], Key]) -> None:
        """Rows and values, oldest first, into what is empty; the pairs are kept as they are."""
        self._values = {key(one[1]): one for one in rows}
        self._order = [(row, key) for key, (row, _) in self._values.items()]

    def put(self, key: Key, value: Value, row: int) -> None:
        before = self.row(key)
        self._values[key] = (row, value)
        if before == row:
            return
        if before is not None:
            self._leave(before, key)
        if not self._order or self._order[-1][0] < row:
            self._order.append((row, key))
        else:
            insort(self._order, (row, key), key=ROW)

    def drop(self, key: Key) -> None:
        found = self._values.pop(key, None)
        if found:
            self._leave(found[0], key)

    def _leave(self, row: int, key: Key) -> None:
        place = bisect_left(self._order, row, key=ROW)
        del self._order[self._order.index((row, key), place)]

    def values(self) -> Iterator[Value]:
        return (self._values[key][1] for _, key in self._order)

    def bucket(self, number: int, of: int) -> dict[Key, tuple[int, Value]]:
        """Row and value by key, of rows whose id leaves `number` when divided by `of`."""
        return {key: self._values[key] for row, key in self._order if row % of == number}

    def page(
        self,
        accepts: Callable[[Value], bool],
        *,
        size: int = 0,
        token: str = "",
        among: Iterable[Key] | None = None,
    ) -> Page[Value]:
        """`among`: only these keys can match (an index knows). Raises: InvalidArgument for a bad token."""
        after = read_token(token) if size > 0 else 0
        found: list[Value] = []
        last = 0
        for row, value in self._candidates(after, among):
            if accepts(value):
                found.append(value)
                last = row
                if len(found) == size:
                    break
        return Page(found, str(last) if size > 0 and found else "")

    def _candidates(self, after: int, among: Iterable[Key] | None) -> Iterator[tuple[int, Value]]:
        if among is not None:
            stored = sorted((self._values[key] for key in among if key in self._values), key=ROW)
            return (one for one in stored if one[0] > after)
        start = bisect_right(self._order, after, key=ROW)
        return (self._values[self._order[place][1]] for place in range(start, len(self._order)))
