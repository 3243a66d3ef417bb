"""Signing: jobs in, results in their order out.

On threads, since OpenSSL releases the GIL: a batch is split over all of them. A single job on P-256 is done on
the loop: it takes 0.2 ms, and handing it to a thread and back would cost as much again. A job that is refused
leaves the others alone. Who signs is set by `rotate`: a batch is signed to its end by the authority it began with.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric import ec

from finial.authority.issue import Issuer
from finial.authority.jwt import JwtIssuer
from finial.authority.policy import CheckedJwt, CheckedX509, Policy
from finial.errors import FinialError, Unavailable, Unsupported
from finial.runtime.clock import Clock
from finial.runtime.metrics import Metrics
from finial.server.issued import Issued
from finial.svid.csr import Csr, PrivateKey
from finial.svid.jwt import JwtSvid
from finial.svid.x509 import X509Svid

SMALL = 4  # jobs that are not worth a second thread

T = TypeVar("T")
Check = Callable[
    [Policy], CheckedX509
]  # reads a CSR and judges it: costs a signature check, runs on the thread


class Signer:
    """`close` it at the end. `jwt_enabled` False answers every token with SPIRE's words."""

    def __init__(
        self, policy: Policy, clock: Clock, metrics: Metrics, *, jwt_enabled: bool = True, threads: int = 0
    ) -> None:
        self.policy, self._clock, self._jwt_enabled = policy, clock, jwt_enabled
        self._issued = Issued(metrics)
        self._threads = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="sign")
        self._x509: Issuer | None = None
        self._jwt: JwtIssuer | None = None

    def use_x509(self, issuer: Issuer) -> None:
        self._x509 = issuer

    def use_jwt(self, issuer: JwtIssuer) -> None:
        self._jwt = issuer

    @property
    def issuer(self) -> Issuer:
        """Raises: Unavailable before the first authority is active."""
        if self._x509 is None:
            raise Unavailable("X509 CA is not available for signing")
        return self._x509

    async def x509(self, check: Check, asked: Csr | None = None) -> X509Svid:
        """`asked`: what the check judges, if it was read. Raises: what the check raises; Unavailable, Internal."""
        if asked is not None and asked.quick and self._quick(self.issuer.ca.private_key):
            begun = self._clock.monotonic()
            done = self._sign(self.issuer, [check], self._clock.now())
            self._issued.x509(done, self._clock.monotonic() - begun)
            return one_of(done)
        return one_of(await self.x509_batch([check]))

    async def x509_batch(self, checks: Sequence[Check]) -> list[X509Svid | FinialError]:
        issuer, now, begun = self.issuer, self._clock.now(), self._clock.monotonic()
        parts = 1 if len(checks) <= SMALL else self._threads
        size = -(-len(checks) // parts) or 1
        chunks = [checks[start : start + size] for start in range(0, len(checks), size)]
        done = await asyncio.gather(*(self._run(self._sign, issuer, chunk, now) for chunk in chunks))
        results = [result for chunk in done for result in chunk]
        self._issued.x509(results, self._clock.monotonic() - begun)
        return results

    async def jwt(self, checked: CheckedJwt) -> JwtSvid:
        """Raises: Unsupported where JWT-SVIDs are switched off, Unavailable before there is a key."""
        self.require_jwt()
        if self._jwt is None:
            raise Unavailable("JWT key is not available for signing")
        issuer, now, begun = self._jwt, self._clock.now(), self._clock.monotonic()
        try:
            quick = self._quick(issuer.key.private_key)
            svid = issuer.sign(checked, now) if quick else await self._run(issuer.sign, checked, now)
        except FinialError as why:
            self._issued.jwt(why, self._clock.monotonic() - begun)
            raise
        self._issued.jwt(svid, self._clock.monotonic() - begun)
        return svid

    def _quick(self, key: PrivateKey) -> bool:
        return quick(key) and not self.policy.composition  # a composer may block

    def require_jwt(self) -> None:
        if not self._jwt_enabled:
            raise Unsupported("JWT functionality is disabled")

    def _sign(self, issuer: Issuer, checks: Sequence[Check], now: datetime) -> list[X509Svid | FinialError]:
        done: list[X509Svid | FinialError] = []
        for check in checks:
            try:
                done.append(issuer.sign(check(self.policy), now))
            except FinialError as why:
                done.append(why)
        return done

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def close(self) -> None:
        """Waits for what is being signed."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def quick(key: PrivateKey) -> bool:
    """Whether it signs in microseconds: on P-256. RSA and larger curves take milliseconds."""
    return isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size == 256


def one_of(results: list[X509Svid | FinialError]) -> X509Svid:
    """The only result. Raises: it, if it is an error."""
    (result,) = results
    if isinstance(result, FinialError):
        raise result
    return result
