"""The SPIFFE Workload API, answered from what the agent holds.

A caller is known by its process alone: pinned when it connected, attested once a call, checked again before
each answer and each push. Streams send the whole state, again whenever it changes and never when it does
not. A call whose X.509-SVIDs have all expired is not answered with them but is Unavailable, with the reason why they
could not be renewed; a stream that was answered once is not ended for that. Codes and words are those of SPIRE 1.15 `pkg/agent/endpoints/workload`. Spec: SPIFFE Workload API 4, 5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from finial.agent.answer import Answer, View
from finial.agent.attestation import FAILED, WorkloadAttestation
from finial.agent.connection import rpc_text
from finial.agent.encode import jwt_bundles, x509_bundles, x509_svids
from finial.agent.limit import WorkloadLimiter
from finial.agent.sign import Signer
from finial.agent.svids import Holdings
from finial.errors import FinialError, InvalidArgument, PermissionDenied, Unavailable, Unsupported
from finial.registry.entry import Entry
from finial.runtime.clock import Clock
from finial.runtime.grpc import Stream, connection_of
from finial.runtime.log import Logger
from finial.runtime.metrics import Metrics
from finial.runtime.peer import Peer
from finial.runtime.tasks import until_first
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.svid import jwt
from finial.svid.jwt import JwtSvid
from finial.wire.pb.spiffe.workload import workload_pb2 as pb
from finial.wire.pb.spiffe.workload.workload_grpc import SpiffeWorkloadAPIBase

HEADER = "workload.spiffe.io"
SERVICE_PREFIX = "/SpiffeWorkloadAPI/"
NO_IDENTITY = "no identity issued"
STANDARD_CLAIMS = frozenset({"sub", "exp", "aud"})

Req = TypeVar("Req")
Res = TypeVar("Res")


@dataclass(frozen=True, slots=True)
class WorkloadApiOptions:
    allow_unauthenticated_verifiers: bool = False  # bundles for callers without an identity
    allowed_foreign_jwt_claims: frozenset[str] = frozenset()
    limits: Mapping[str, int] = field(default_factory=dict)  # calls a second by method; 0 or none: no limit
    log_selectors: tuple[
        str, ...
    ] = ()  # of whoever gets no identity: these, and what begins with one and a colon


async def require_header(stream: Stream[Req, Res], path: str, call: Callable[[], Awaitable[None]]) -> None:
    """Interceptor. The header keeps a browser or a proxy that was tricked from asking: spec 4.3."""
    if path.startswith(SERVICE_PREFIX):
        metadata = stream.metadata
        if metadata is None or metadata.getall(HEADER, []) != ["true"]:
            raise InvalidArgument("security header missing from request")
    await call()


class WorkloadApi(SpiffeWorkloadAPIBase):
    """One for all callers of a socket."""

    def __init__(
        self,
        holdings: Holdings,
        signer: Signer,
        attestation: WorkloadAttestation,
        options: WorkloadApiOptions,
        clock: Clock,
        log: Logger,
        metrics: Metrics,
    ) -> None:
        self._holdings = holdings
        self._signer = signer
        self._attestation = attestation
        self._options = options
        self._clock = clock
        self._log = log
        self._without_identity = metrics.counter("finial.workloads_without_identity_total")
        limits = {SERVICE_PREFIX + method: limit for method, limit in options.limits.items()}
        self._limiter = WorkloadLimiter(limits, clock, log, metrics)

    async def FetchX509SVID(self, stream: Stream[pb.X509SVIDRequest, pb.X509SVIDResponse]) -> None:
        await stream.recv_message()
        await self._stream(stream, "FetchX509SVID", x509_svids, needs_identity=True)

    async def FetchX509Bundles(self, stream: Stream[pb.X509BundlesRequest, pb.X509BundlesResponse]) -> None:
        await stream.recv_message()
        needs_identity = not self._options.allow_unauthenticated_verifiers
        await self._stream(stream, "FetchX509Bundles", x509_bundles, needs_identity=needs_identity)

    async def FetchJWTBundles(self, stream: Stream[pb.JWTBundlesRequest, pb.JWTBundlesResponse]) -> None:
        await stream.recv_message()
        needs_identity = not self._options.allow_unauthenticated_verifiers
        await self._stream(stream, "FetchJWTBundles", jwt_bundles, needs_identity=needs_identity)

    async def FetchJWTSVID(self, stream: Stream[pb.JWTSVIDRequest, pb.JWTSVIDResponse]) -> None:
        request = await stream.recv_message() or pb.JWTSVIDRequest()
        if not request.audience:
            raise InvalidArgument("audience must be specified")
        wanted = _requested_id(request.spiffe_id)
        peer = caller(stream)
        selectors = await self._attested(peer, "FetchJWTSVID")
        entries = [
            one for one in self._holdings.matching(selectors) if wanted is None or one.spiffe_id == wanted
        ]
        if not entries:
            raise self._no_identity("FetchJWTSVID", peer, selectors)
        audience = list(request.audience)
        svids = await asyncio.gather(*(self._jwt_svid(one, audience) for one in entries))
        check_again(peer)
        messages = [
            pb.JWTSVID(spiffe_id=str(entry.spiffe_id), svid=svid.token, hint=entry.hint)
            for entry, svid in zip(entries, svids, strict=True)
        ]
        await stream.send_message(pb.JWTSVIDResponse(svids=messages))

    async def ValidateJWTSVID(
        self, stream: Stream[pb.ValidateJWTSVIDRequest, pb.ValidateJWTSVIDResponse]
    ) -> None:
        request = await stream.recv_message() or pb.ValidateJWTSVIDRequest()
        if not request.audience:
            raise InvalidArgument("audience must be specified")
        if not request.svid:
            raise InvalidArgument("svid must be specified")
        peer = caller(stream)
        bundles = self._holdings.bundles_for(await self._attestation.selectors(peer))
        try:
            svid = jwt.verify(request.svid, bundles, request.audience, self._clock.unix())
        except FinialError as why:
            self._log.warning("Failed to validate JWT", pid=peer.pid, error=why)
            raise InvalidArgument(why.message.removeprefix("jwt-svid: ")) from why
        answer = pb.ValidateJWTSVIDResponse(spiffe_id=str(svid.id))
        answer.claims.update(self._told_claims(svid))  # type: ignore[arg-type]  # JSON values
        check_again(peer)
        await stream.send_message(answer)

    async def FetchWITSVID(self, stream: Stream[pb.WITSVIDRequest, pb.WITSVIDResponse]) -> None:
        raise Unsupported("fetching WIT-SVIDs is not implemented")

    async def FetchWITBundles(self, stream: Stream[pb.WITBundlesRequest, pb.WITBundlesResponse]) -> None:
        raise Unsupported("fetching WIT bundles is not implemented")

    async def _stream(
        self,
        stream: Stream[Req, Res],
        method: str,
        encode: Callable[[View, Answer], Res],
        *,
        needs_identity: bool,
    ) -> None:
        """Each answer that differs from the last one sent, until the caller goes or loses its identity."""
        peer = caller(stream)
        selectors = await self._attested(peer, method)
        changed = asyncio.Event()
        view = self._holdings.subscribe(selectors, changed.set)
        if self._holdings.awaited:
            self._signer.wake()
        sent: Res | None = None
        try:
            while True:
                changed.clear()
                if view.answer is not None and not (view.answer.pending and encode is x509_svids):
                    if needs_identity and not view.answer.registered:
                        raise self._no_identity(method, peer, selectors)
                    expired_at = view.answer.expired_at(self._clock.now())
                    if sent is None and encode is x509_svids and expired_at is not None:
                        await self._until_renewed(view.answer, expired_at, changed, peer)
                        continue
                    message = encode(view, view.answer)
                    if message is not sent:
                        check_again(peer)
                        await stream.send_message(message)
                        self._log_sent(method, peer, view.answer)
                        sent = message
                await changed.wait()
        finally:
            self._holdings.unsubscribe(view, changed.set)

    async def _until_renewed(
        self, answer: Answer, expired_at: datetime, changed: asyncio.Event, peer: Peer
    ) -> None:
        """Returns when it is worth a look, after a sleep of the machine, say. Raises: Unavailable if their renewal
        just failed."""
        entry_ids = [one.entry.id for one in answer.identities]
        attempts = self._signer.attempts
        if attempts.failure(entry_ids) is None:
            await until_first(changed.wait(), attempts.ended())
        why = attempts.failure(entry_ids)
        if changed.is_set() or why is None:
            return
        self._log.warning(
            "No valid X.509 SVID", method="FetchX509SVID", pid=peer.pid, expired_at=expired_at, error=why
        )
        raise Unavailable(
            f"X.509-SVID expired at {expired_at:%Y-%m-%dT%H:%M:%SZ} and could not be renewed: {rpc_text(why)}"
        )

    async def _attested(self, peer: Peer, method: str) -> frozenset[Selector]:
        """What the caller was found to be, if it may call so often."""
        selectors = await self._attestation.selectors(peer)
        self._limiter.check(SERVICE_PREFIX + method, peer, selectors)
        return selectors

    async def _jwt_svid(self, entry: Entry, audience: list[str]) -> JwtSvid:
        try:
            svid = await self._signer.jwt_svid(entry, audience)
        except FinialError as why:
            self._log.error("Could not fetch JWT-SVID", spiffe_id=str(entry.spiffe_id), error=why)
            raise Unavailable(f"could not fetch JWT-SVID: {why.message}") from why
        self._log.debug("Fetched JWT SVID", method="FetchJWTSVID", spiffe_id=str(entry.spiffe_id))
        return svid

    def _told_claims(self, svid: JwtSvid) -> dict[str, object]:
        """Of a foreign trust domain only what is standard or was allowed: its claims may mean other things."""
        if svid.id.trust_domain == self._holdings.trust_domain:
            return svid.claims
        allowed = STANDARD_CLAIMS | self._options.allowed_foreign_jwt_claims
        return {name: value for name, value in svid.claims.items() if name in allowed}

    def _no_identity(self, method: str, peer: Peer, selectors: Collection[Selector]) -> PermissionDenied:
        self._without_identity.add()
        told = loggable(selectors, self._options.log_selectors)
        fields = {"selectors": ",".join(told)} if told else {}
        self._log.error("No identity issued", method=method, pid=peer.pid, registered=False, **fields)
        return PermissionDenied(NO_IDENTITY)

    def _log_sent(self, method: str, peer: Peer, answer: Answer) -> None:
        if method == "FetchX509SVID":
            for one in answer.identities:
                self._log.debug(
                    "Fetched X.509 SVID", method=method, pid=peer.pid, spiffe_id=str(one.entry.spiffe_id)
                )


def loggable(selectors: Collection[Selector], kinds: Collection[str]) -> list[str]:
    """Those that are one of `kinds` or below it: "k8s" and "k8s:ns" are both kinds of "k8s:ns:default"."""
    texts = sorted(map(str, selectors))
    return [text for text in texts if any(text == kind or text.startswith(f"{kind}:") for kind in kinds)]


def caller(stream: Stream[Req, Res]) -> Peer:
    """The process at the other end. Raises: Unavailable if it was not pinned."""
    peer = connection_of(stream).peer
    if not isinstance(peer, Peer):
        raise Unavailable(FAILED)
    return peer


def check_again(peer: Peer) -> None:
    """What was found out is about the process that connected: nothing is written to another."""
    try:
        peer.check()
    except FinialError as why:
        raise Unavailable(FAILED) from why


def _requested_id(text: str) -> SpiffeId | None:
    if not text:
        return None
    try:
        return SpiffeId.parse(text)
    except FinialError as why:
        raise why.within("invalid requested SPIFFE ID") from why
