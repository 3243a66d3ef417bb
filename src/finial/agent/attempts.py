"""What came of having SVIDs signed, for whoever waits for one: why the last attempt failed, what was refused.

An attempt fails as a whole, the server being away, say; or it succeeds and the server refuses single entries, which
are left alone for a while. Times are Unix seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from finial.errors import FinialError


@dataclass(frozen=True, slots=True)
class _Refusal:
    until: float
    why: FinialError


class Attempts:
    """For one event loop."""

    def __init__(self) -> None:
        self._failure: FinialError | None = None
        self._refused: dict[str, _Refusal] = {}  # by entry ID
        self._ended = asyncio.Event()

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Around each: what it raises is why it failed."""
        try:
            yield
            self._failure = None
        except FinialError as why:
            self._failure = why
            raise
        finally:
            self._ended.set()
            self._ended = asyncio.Event()

    async def ended(self) -> None:
        """Returns once the attempt under way, or else the next one, has ended."""
        await self._ended.wait()

    def failure(self, entry_ids: Iterable[str]) -> FinialError | None:
        """Why there is nothing new for these; None if the last attempt went well, or there was none."""
        refused = (self._refused[one].why for one in entry_ids if one in self._refused)
        return self._failure or next(refused, None)

    def refuse(self, entry_id: str, why: FinialError, until: float) -> None:
        """It is not asked for before `until`."""
        self._refused[entry_id] = _Refusal(until, why)

    def refused(self, now: float) -> frozenset[str]:
        """IDs of entries that are not to be asked for; what is over is forgotten."""
        self._refused = {one: refusal for one, refusal in self._refused.items() if refusal.until > now}
        return frozenset(self._refused)

    @property
    def ends(self) -> list[float]:
        """When entries may be asked for again."""
        return [refusal.until for refusal in self._refused.values()]
