"""A JWT source that stays fresh: bundles by one stream of the Workload API, tokens on demand.

Tokens are cached by audience and subject until half of their lifetime is over, as the agent does; the
next call then fetches a new one, and callers that ask at the same time share it. Verification is local,
against the bundle of the token's own trust domain. Spec: JWT-SVID 4 and 5, Workload API 6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Self

from finial.client.backoff import Backoff
from finial.client.workload import WorkloadApi
from finial.errors import FinialError, InvalidArgument, Unavailable
from finial.runtime.clock import Clock, SystemClock
from finial.runtime.grpc import GRPCError
from finial.runtime.tasks import Tasks
from finial.spiffe.bundle import BundleSet
from finial.spiffe.id import SpiffeId
from finial.svid import jwt
from finial.svid.jwt import JwtSvid

CACHE_SIZE = 1000  # tokens; bounds what a caller with made-up audiences can use
Wanted = tuple[tuple[str, ...], str]  # sorted audience, subject or ""


class JwtSource:
    """Use as `async with JwtSource() as source`; entering waits for the first bundles.

    Raises on entering: Unavailable with the last reason when `timeout` seconds are over.
    """

    def __init__(
        self, api: WorkloadApi | None = None, *, timeout: float | None = 30.0, clock: Clock | None = None
    ) -> None:
        self._api = api or WorkloadApi()
        self._owns_api = api is None
        self._timeout = timeout
        self._clock: Clock = clock or SystemClock()
        self._tasks = Tasks()
        self._fetching = Tasks(
            lambda _name, _error: None
        )  # a failure is told to the callers that wait for it
        self._opened = asyncio.Event()
        self._bundles: BundleSet | None = None
        self._last_error: FinialError | None = None
        self._tokens: dict[Wanted, JwtSvid] = {}
        self._fetches: dict[Wanted, asyncio.Task[JwtSvid]] = {}

    @property
    def bundles(self) -> BundleSet:
        """Raises: Unavailable before the first answer."""
        if self._bundles is None:
            raise Unavailable("jwt source: no bundles were received yet") from self._last_error
        return self._bundles

    async def token(self, audience: str | Sequence[str], subject: SpiffeId | str | None = None) -> JwtSvid:
        """A token with at least half of its life before it. Raises: what the agent answers."""
        names = (audience,) if isinstance(audience, str) else tuple(sorted(audience))
        wanted = (names, str(subject or ""))
        cached = self._tokens.get(wanted)
        if cached is not None and self._clock.unix() < half_life(cached):
            return cached
        fetch = self._fetches.get(wanted)
        if fetch is None:
            fetch = self._fetching.start(self._fetch(wanted), name="jwt fetch")
            self._fetches[wanted] = fetch
            fetch.add_done_callback(lambda _: self._fetches.pop(wanted, None))
        return await asyncio.shield(fetch)

    async def _fetch(self, wanted: Wanted) -> JwtSvid:
        audience, subject = wanted
        fetched = (await self._api.fetch_jwt(audience, subject or None))[0]
        if len(self._tokens) >= CACHE_SIZE:
            self._tokens.pop(next(iter(self._tokens)))
        self._tokens[wanted] = fetched
        return fetched

    def verify(self, token: str, audience: str | Sequence[str]) -> JwtSvid:
        """Who sent it. Raises: InvalidArgument or what `svid.jwt.verify` says, Unavailable before `open`."""
        return jwt.verify(token, self.bundles, audience, self._clock.unix())

    async def open(self) -> Self:
        self._tasks.start(self._follow(), name="jwt source")
        try:
            async with asyncio.timeout(self._timeout):
                await self._opened.wait()
        except TimeoutError:
            why = f": {self._last_error}" if self._last_error else ""
            await self.close()
            raise Unavailable(f"jwt source: no bundles within {self._timeout:g} s{why}") from self._last_error
        except BaseException:  # cancelled: nobody closes what was never opened
            await self.close()
            raise
        if self._bundles is None and self._last_error is not None:
            await self.close()
            raise self._last_error
        return self

    async def close(self) -> None:
        await self._fetching.close()
        await self._tasks.close()
        if self._owns_api:
            await self._api.close()

    async def _follow(self) -> None:
        backoff = Backoff()
        while True:
            try:
                async with aclosing(self._api.watch_jwt_bundles()) as answers:
                    async for bundles in answers:
                        backoff.reset()
                        self._bundles = bundles
                        self._opened.set()
            except FinialError as why:
                self._last_error = why
                if isinstance(why, InvalidArgument) and isinstance(why.__cause__, GRPCError):
                    self._opened.set()  # the agent would answer the same again
                    return
            await self._clock.sleep(backoff.next())

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def half_life(svid: JwtSvid) -> float:
    """Unix seconds; a token that does not say when it was issued counts as half over."""
    issued = svid.issued_at if svid.issued_at is not None else svid.expires_at
    return issued + (svid.expires_at - issued) / 2
