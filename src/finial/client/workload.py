"""The Workload API as a client sees it: calls and streams in, checked values out.

One connection carries everything; it is opened at the first call and again when it is lost. Every call
carries the security header. An error of the agent keeps its kind: PermissionDenied "no identity issued",
Unavailable, InvalidArgument. Spec: SPIFFE Workload API 5 and 6, Workload Endpoint 3 to 6.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Self, TypeVar

from grpclib.client import UnaryStreamMethod

from finial.client.endpoint import ENVIRONMENT, Endpoint
from finial.client.identity import X509Context, federated_bundles, x509_context
from finial.errors import Unavailable
from finial.runtime.grpc import unary
from finial.spiffe import bundle_document
from finial.spiffe.bundle import Bundle, BundleSet
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import jwt
from finial.svid.jwt import JwtSvid
from finial.wire.client import ServerChannel
from finial.wire.pb.spiffe.workload import workload_pb2 as messages
from finial.wire.pb.spiffe.workload.workload_grpc import SpiffeWorkloadAPIStub

SECURITY_HEADER = {"workload.spiffe.io": "true"}
Request = TypeVar("Request")
Answer = TypeVar("Answer")


class WorkloadApi:
    """`endpoint` as in SPIFFE_ENDPOINT_SOCKET, which is read where none is given.

    Raises: InvalidArgument for an endpoint that is none. Every method may raise Unavailable.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        self.endpoint = Endpoint.parse(os.environ.get(ENVIRONMENT, "") if endpoint is None else endpoint)
        self._channel: ServerChannel | None = None

    def _stub(self) -> SpiffeWorkloadAPIStub:
        if self._channel is None:
            place = self.endpoint
            self._channel = (
                ServerChannel(path=place.path) if place.path else ServerChannel(place.host, place.port)
            )
        return SpiffeWorkloadAPIStub(self._channel)

    async def fetch_x509(self) -> X509Context:
        """Every identity of this process now. Raises: PermissionDenied if there is none."""
        async with aclosing(self.watch_x509()) as contexts:
            return await first(contexts)

    async def watch_x509(self) -> AsyncGenerator[X509Context, None]:
        """The same now and after each change, until the stream breaks; `X509Source` goes on from there."""
        async with aclosing(self.x509_messages()) as answers:
            async for answer in answers:
                yield x509_context(answer)

    async def watch_x509_bundles(self) -> AsyncGenerator[BundleSet, None]:
        """What may be trusted, without an identity where the agent allows that."""
        method = self._stub().FetchX509Bundles
        async with aclosing(_stream(method, messages.X509BundlesRequest())) as answers:
            async for answer in answers:
                yield BundleSet(federated_bundles(answer.bundles))

    async def fetch_jwt(
        self, audience: str | Sequence[str], subject: SpiffeId | str | None = None
    ) -> tuple[JwtSvid, ...]:
        """One token an identity, the default first; with `subject` that one. They come from the agent, so
        they are read and not verified."""
        wanted = [audience] if isinstance(audience, str) else list(audience)
        answer = await self.jwt_message(wanted, str(subject or ""))
        return tuple(jwt.parse_unverified(one.svid) for one in answer.svids)

    async def fetch_jwt_bundles(self) -> BundleSet:
        async with aclosing(self.watch_jwt_bundles()) as bundles:
            return await first(bundles)

    async def watch_jwt_bundles(self) -> AsyncGenerator[BundleSet, None]:
        async with aclosing(self.jwt_bundle_messages()) as answers:
            async for answer in answers:
                yield BundleSet(jwt_bundles(answer.bundles))

    async def validate_jwt(self, token: str, audience: str) -> JwtSvid:
        """The agent checks the token. Raises: InvalidArgument if it is not valid."""
        await self.validation_message(token, audience)
        return jwt.parse_unverified(token)

    # The same as messages, for who passes them on.

    def x509_messages(self) -> AsyncGenerator[messages.X509SVIDResponse, None]:
        return _stream(self._stub().FetchX509SVID, messages.X509SVIDRequest())

    def jwt_bundle_messages(self) -> AsyncGenerator[messages.JWTBundlesResponse, None]:
        return _stream(self._stub().FetchJWTBundles, messages.JWTBundlesRequest())

    async def jwt_message(self, audience: Sequence[str], subject: str) -> messages.JWTSVIDResponse:
        request = messages.JWTSVIDRequest(audience=audience, spiffe_id=subject)
        return await unary(self._stub().FetchJWTSVID, request, metadata=SECURITY_HEADER)

    async def validation_message(self, token: str, audience: str) -> messages.ValidateJWTSVIDResponse:
        request = messages.ValidateJWTSVIDRequest(svid=token, audience=audience)
        return await unary(self._stub().ValidateJWTSVID, request, metadata=SECURITY_HEADER)

    async def close(self) -> None:
        if self._channel is not None:
            channel, self._channel = self._channel, None
            await channel.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def jwt_bundles(documents: Mapping[str, bytes]) -> dict[TrustDomain, Bundle]:
    """By trust domain; values are JWKS documents. Raises: InvalidArgument."""
    domains = ((TrustDomain.parse(name), data) for name, data in documents.items())
    return {domain: bundle_document.parse_jwks(data, domain) for domain, data in domains}


async def _stream(
    method: UnaryStreamMethod[Request, Answer], request: Request
) -> AsyncGenerator[Answer, None]:
    """Each message as it comes; closed by `aclosing`, which ends the call."""
    async with method.open(metadata=SECURITY_HEADER) as stream:
        await stream.send_message(request, end=True)
        async for message in stream:
            yield message


async def first(answers: AsyncIterator[Answer]) -> Answer:
    async for answer in answers:
        return answer
    raise Unavailable("workload api: the stream ended without an answer")
