"""An X.509 source that stays fresh: one stream of the Workload API in, the newest identities out.

    new -> opened (first answer) -> updated ... -> closed
    a broken stream is opened again after 1, 2, ... 30 s; what was received stays good meanwhile

Whoever wants to know of changes subscribes: TLS contexts do. InvalidArgument that the agent answers ends the
source, since asking again would be answered the same; everything else is retried: an answer that cannot be
read, and "no identity issued", because an entry may be created at any moment. As go-spiffe 2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from types import TracebackType
from typing import Self

from finial.client.backoff import Backoff
from finial.client.identity import Identity, X509Context
from finial.client.workload import WorkloadApi
from finial.errors import FinialError, InvalidArgument, Unavailable
from finial.runtime.clock import Clock, SystemClock
from finial.runtime.grpc import GRPCError
from finial.runtime.tasks import Tasks
from finial.spiffe.bundle import BundleSet
from finial.spiffe.id import SpiffeId

Subscriber = Callable[[X509Context], None]


class X509Source:
    """Use as `async with X509Source() as source`; entering waits for the first identity.

    `hint` chooses among several identities; without one the default is used. `timeout` bounds the wait
    for the first answer, in seconds; None waits for ever. Raises on entering: Unavailable with the last
    reason when the time is over, InvalidArgument, NotFound for a hint that no identity has.
    """

    def __init__(
        self,
        api: WorkloadApi | None = None,
        *,
        hint: str | None = None,
        timeout: float | None = 30.0,
        clock: Clock | None = None,
    ) -> None:
        self._api = api or WorkloadApi()
        self._owns_api = api is None
        self._hint, self._timeout = hint, timeout
        self._clock: Clock = clock or SystemClock()
        self._tasks = Tasks()
        self._changed = asyncio.Event()
        self._context: X509Context | None = None
        self._last_error: FinialError | None = None
        self._ended: FinialError | None = None
        self._subscribers: dict[object, Subscriber] = {}

    @property
    def context(self) -> X509Context:
        """Everything that was received last. Raises: Unavailable before the first answer."""
        if self._ended is not None:
            raise self._ended
        if self._context is None:
            raise Unavailable("x509 source: no identity was received yet") from self._last_error
        return self._context

    @property
    def identity(self) -> Identity:
        """The chosen identity. Raises: as `context`, and NotFound if its hint went away."""
        return self.context.default if self._hint is None else self.context.hinted(self._hint)

    @property
    def id(self) -> SpiffeId:
        return self.identity.id

    @property
    def bundles(self) -> BundleSet:
        return self.context.bundles

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Called with each later context, on the loop; one that raises is reported to the loop's exception
        handler, and the others hear the news all the same. Returns what ends the subscription."""
        key = object()
        self._subscribers[key] = subscriber
        return lambda: self._subscribers.pop(key, None) and None

    async def wait_changed(self) -> X509Context:
        """The next context that is received; raises what ended the source, if something did."""
        await self._changed.wait()
        return self.context

    async def open(self) -> Self:
        self._tasks.start(self._follow(), name="x509 source")
        try:
            async with asyncio.timeout(self._timeout):
                await self._changed.wait()
            _ = self.identity
        except TimeoutError:
            why = f": {self._last_error}" if self._last_error else ""
            await self.close()
            raise Unavailable(
                f"x509 source: no identity within {self._timeout:g} s{why}",
                hint="is the agent running, and does a registration entry match this process?",
            ) from self._last_error
        except BaseException:  # also under cancellation: nobody closes what was never opened
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """Ends the stream; what was received stays readable."""
        await self._tasks.close()
        if self._owns_api:
            await self._api.close()

    async def _follow(self) -> None:
        backoff = Backoff()
        while self._ended is None:
            try:
                async with aclosing(self._api.watch_x509()) as contexts:
                    async for context in contexts:
                        backoff.reset()
                        self._take(context)
            except FinialError as why:
                self._last_error = why
                if isinstance(why, InvalidArgument) and isinstance(why.__cause__, GRPCError):
                    self._ended = why
                    self._tell()
                    return
            await self._clock.sleep(backoff.next())

    def _take(self, context: X509Context) -> None:
        self._context, self._last_error = context, None
        for subscriber in tuple(self._subscribers.values()):
            try:
                subscriber(context)
            except Exception as why:
                told = {"message": "x509 source: a subscriber failed", "exception": why}
                asyncio.get_running_loop().call_exception_handler(told)
        self._tell()

    def _tell(self) -> None:
        """Wakes everyone who waits now; who waits later waits for the next."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
