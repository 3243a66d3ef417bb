"""SVIDs for workloads: what is due is signed by the server, X.509 in batches ahead of need, JWT on demand.

Keys are made in a thread, one for each SVID, and never leave this process but to their workload. A batch
that fails is tried again at half its size, as SPIRE does. What comes back is checked: it must be for the
key that was sent and the ID of the entry. SPIRE 1.15 `pkg/agent/manager/sync.go`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from finial.agent.answer import HeldSvid
from finial.agent.attempts import Attempts
from finial.agent.connection import RPC_TIMEOUT, ServerConnection, in_rpc_words, rpc_text
from finial.agent.contact import Contact
from finial.agent.counted import CountedSvids
from finial.agent.due import Due
from finial.agent.identity import public_key_of
from finial.agent.jwt_cache import JwtCache
from finial.agent.lifetime import HALF, Draw, renewal_time
from finial.agent.svids import Holdings
from finial.errors import FinialError, Internal, NotFound, PermissionDenied
from finial.plugin.kinds import KeyType, PrivateKey
from finial.registry.entry import Entry
from finial.runtime.clock import Clock, until_set_back
from finial.runtime.log import Logger
from finial.runtime.metrics import Metrics
from finial.runtime.tasks import until_first
from finial.svid import csr
from finial.svid.jwt import JwtSvid
from finial.svid.x509 import private_key_to_pkcs8
from finial.wire.convert.svid import jwt_svid_from_wire, x509_svid_from_wire
from finial.wire.pb.spire.api.server.svid.v1 import svid_pb2

MAX_BATCH = 500
AHEAD = 100  # of a batch that nobody waits for: who comes to ask meanwhile waits until it is signed
REFUSED_PAUSE = 5.0  # seconds until an entry that the server would not sign for is asked for again
RETRY_MIN, RETRY_MAX = 1.0, 60.0

GenerateKey = Callable[[KeyType], PrivateKey]


@dataclass(frozen=True, slots=True)
class SigningOptions:
    generate: GenerateKey
    draw: Draw
    key_type: KeyType = KeyType.EC_P256
    availability_target: float = 0.0  # seconds; 0: not set
    jwt_cache_size: int = 1000
    renewal_share: float = HALF  # of the life, how much passes before the renewal
    jwt_hit_timeout: float = (
        RPC_TIMEOUT  # seconds that a new JWT-SVID is waited for while an older one is valid
    )


@dataclass(frozen=True, slots=True)
class _Request:
    due: Due
    key: PrivateKey = field(repr=False)
    csr: bytes = field(repr=False)


class Signer:
    """Keeps what `Holdings` finds due signed."""

    def __init__(
        self,
        connection: ServerConnection,
        holdings: Holdings,
        options: SigningOptions,
        clock: Clock,
        log: Logger,
        metrics: Metrics,
        contact: Contact | None = None,
    ) -> None:
        self._counted = CountedSvids(metrics)
        self._connection = connection
        self._contact = contact or Contact(clock)
        self._holdings = holdings
        self._options = options
        self._clock = clock
        self._log = log
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._batch = MAX_BATCH
        self.attempts = Attempts()
        self._jwts = JwtCache(options.draw, size=options.jwt_cache_size)

    @property
    def jwts_kept(self) -> int:
        return len(self._jwts)

    def use(self, options: SigningOptions) -> None:
        """For what is signed from here on."""
        self._options = options

    def wake(self) -> None:
        """Something may be due: a workload waits, a root is tainted."""
        self._wake.set()

    async def run(self) -> None:
        """Signs what becomes due by age or after `wake`, until cancelled.

        Raises: PermissionDenied if the server does not know this agent any more.
        """
        pause = RETRY_MIN
        while True:
            try:
                await self.sign_due()
                pause = RETRY_MIN
                await self._until_due()
            except FinialError as why:
                if getattr(why, "reason", None) is not None:
                    raise
                self._log.error("SVID sync failed", error=rpc_text(why))
                await self._clock.sleep(self._options.draw(pause * 0.9, pause * 1.1))
                pause = min(pause * 2, RETRY_MAX)

    async def sign_due(self) -> None:
        """Returns once everything that was due is in hand, but for what the server refuses to sign.

        Raises: what the call raises; what was signed before that is kept.
        """
        async with self._lock:
            self._wake.clear()
            with self.attempts.attempt():
                while batch := self._next_batch():
                    await self._sign(batch)

    def _next_batch(self) -> list[Due]:
        """What workloads wait for is not held up by what they do not."""
        due = self._due()
        awaited = [one for one in due if one.awaited]
        return awaited[: self._batch] or due[: min(self._batch, AHEAD)]

    def _due(self) -> list[Due]:
        now = self._clock.unix()
        refused = self.attempts.refused(now)
        return [one for one in self._holdings.due(now) if one.entry.id not in refused]

    async def _until_due(self) -> None:
        moments = self.attempts.ends
        renewal = self._holdings.next_renewal()
        if renewal is not None:
            moments.append(renewal)
        if not moments:
            await self._wake.wait()
            return
        when = datetime.fromtimestamp(min(moments), UTC)
        await until_first(self._clock.wait_until(when), self._wake.wait(), until_set_back(self._clock))

    async def _sign(self, batch: Sequence[Due]) -> None:
        self._log.debug("Renewing stale entries", count=len(batch), limit=self._batch)
        self._counted.asked((one, self._holdings.held(one.entry.id)) for one in batch)
        with self._counted.calls.measured():
            await self._fetch(batch)

    async def _fetch(self, batch: Sequence[Due]) -> None:
        requests = await asyncio.to_thread(self._requests, batch)
        message = svid_pb2.BatchNewX509SVIDRequest(
            params=[svid_pb2.NewX509SVIDParams(entry_id=one.due.entry.id, csr=one.csr) for one in requests]
        )
        try:
            answer = await self._connection.call(self._connection.api.svid.BatchNewX509SVID, message)
            if len(answer.results) != len(requests):
                raise Internal(f"server signed {len(answer.results)} of {len(requests)} requests")
        except FinialError:
            self._batch = max(1, self._batch // 2)
            raise
        self._batch = MAX_BATCH
        self._keep(requests, answer.results)

    def _requests(self, batch: Sequence[Due]) -> list[_Request]:
        made = []
        for due in batch:
            key = self._options.generate(self._options.key_type)
            made.append(_Request(due, key, csr.create(key, due.entry.spiffe_id)))
        return made

    def _keep(
        self, requests: Sequence[_Request], results: Collection[svid_pb2.BatchNewX509SVIDResponse.Result]
    ) -> None:
        signed: dict[str, HeldSvid] = {}
        for request, result in zip(requests, results, strict=True):
            entry = request.due.entry
            fields: dict[str, str] = {"entry_id": entry.id, "spiffe_id": str(entry.spiffe_id)}
            try:
                signed[entry.id] = self._held(request, result)
            except FinialError as why:
                self.attempts.refuse(entry.id, why, self._clock.unix() + REFUSED_PAUSE)
                self._log.warning("Server did not sign an X509-SVID", error=why, **fields)
                continue
            if request.due.expires_at is None:
                self._log.info("Creating X509-SVID", **fields)
            else:
                expires_at = f"{request.due.expires_at:%Y-%m-%dT%H:%M:%SZ}"
                self._log.info("Renewing X509-SVID", expires_at=expires_at, **fields)
        for held in signed.values():
            self._contact.signed(held.svid)
            break
        self._counted.kept(signed.values(), len(requests) - len(signed))
        self._holdings.store_all(signed)

    def _held(self, request: _Request, result: svid_pb2.BatchNewX509SVIDResponse.Result) -> HeldSvid:
        entry = request.due.entry
        if result.status.code:
            raise Internal(result.status.message)
        svid = x509_svid_from_wire(result.svid)
        if svid.id != entry.spiffe_id or svid.public_key != public_key_of(request.key):
            raise Internal(f'svid for "{svid.id}" is not what was asked for')
        if svid.not_after <= self._clock.now():  # it would be due again at once, and so on without a pause
            raise Internal(
                f'svid for "{svid.id}" had expired when it came',
                hint="the clocks of server and agent must agree to within a fraction of the SVID's lifetime",
            )
        renew_at = renewal_time(
            svid.not_before.timestamp(),
            svid.not_after.timestamp(),
            self._clock.unix(),
            self._options.draw,
            self._options.availability_target,
            self._options.renewal_share,
        )
        key = private_key_to_pkcs8(request.key)
        return HeldSvid(svid, key, entry.revision_number, entry.created_at, renew_at)

    async def jwt_svid(self, entry: Entry, audience: Sequence[str]) -> JwtSvid:
        """From the cache while it is fresh, else signed; one that is still valid helps out while the
        server is away, but not where it refuses. Raises: what the call raises, "failed to fetch JWT SVID: ..."."""
        now = self._clock.unix()
        cached, fresh = (None, False)
        if not entry.jwt_svid_include_jti:  # such a token is made anew for each caller
            cached, fresh = self._jwts.get(entry.spiffe_id, audience, now)
        if cached is not None and fresh:
            return cached
        try:
            timeout = RPC_TIMEOUT if cached is None else self._options.jwt_hit_timeout
            svid = await self._new_jwt_svid(entry, audience, timeout)
        except FinialError as why:
            if cached is None or isinstance(why, NotFound | PermissionDenied):
                raise
            self._log.warning(
                "Unable to renew JWT; returning cached copy", spiffe_id=str(entry.spiffe_id), error=why
            )
            return cached
        if not entry.jwt_svid_include_jti:
            self._jwts.put(svid, audience, now)
        return svid

    async def _new_jwt_svid(self, entry: Entry, audience: Sequence[str], timeout: float) -> JwtSvid:
        request = svid_pb2.NewJWTSVIDRequest(entry_id=entry.id, audience=audience)
        try:
            call = self._connection.api.svid.NewJWTSVID
            answer = await self._connection.call(call, request, timeout=timeout)
        except FinialError as why:
            raise in_rpc_words("failed to fetch JWT SVID", why) from why
        svid = jwt_svid_from_wire(answer.svid)
        if svid.id != entry.spiffe_id:
            raise Internal(f'failed to fetch JWT SVID: svid is for "{svid.id}"')
        return svid

    def forget_jwts_of(self, key_ids: Collection[str]) -> int:
        """Tokens that these keys signed, tainted or gone, are not handed out again. Returns: how many."""
        count = self._jwts.drop_signed_by(key_ids)
        if count:
            self._log.debug(
                "JWT-SVIDs were removed from the JWT cache because they were issued by a tainted authority",
                jwt_authority_key_ids=",".join(sorted(key_ids)),
            )
        return count
