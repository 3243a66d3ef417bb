"""When the agent last heard from its server, and why it does not now: what health, metrics and `explain` ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from finial.authority.ca import CUSHION
from finial.errors import FinialError
from finial.runtime.clock import Clock
from finial.svid.x509 import X509Svid


class Contact:
    """`trouble` is empty while all is well. While a watch is open the server is heard of all the time: the
    connection is probed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard = 0.0
        self._open = 0
        self.trouble = ""
        self.ahead: float | None = (
            None  # seconds by which our clock is ahead of the server's; None: not known
        )

    @property
    def heard_at(self) -> float:
        """Unix seconds; 0: never."""
        return self._clock.unix() if self._open else self._heard

    def heard(self) -> None:
        self._heard, self.trouble = self._clock.unix(), ""

    def failed(self, why: FinialError) -> None:
        self.trouble = why.message

    def signed(self, svid: X509Svid) -> None:
        """Just now, by the server: a certificate begins a fixed while before its signature, at stock servers too."""
        self.ahead = self._clock.unix() - (svid.not_before + CUSHION).timestamp()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """From the first message of a stream to its end."""
        self.heard()
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            self._heard = self._clock.unix()
