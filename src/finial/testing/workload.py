"""A Workload API in the test's own process, over a real socket and the real protocol.

A test says what is served and changes it; every stream gets the new answer at once.

    async with WorkloadApiServer(tmp_path / "api.sock") as served:
        served.serve(ca, "/web")
        async with X509Source(WorkloadApi(served.address)) as source: ...
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from finial.client.workload import WorkloadApi
from finial.client.x509_source import X509Source
from finial.errors import FinialError, PermissionDenied
from finial.runtime.clock import SystemClock
from finial.runtime.grpc import UNIX, Server, Stream
from finial.spiffe import bundle_document
from finial.spiffe.bundle import Bundle, JwtAuthority
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import Issued, TestCa
from finial.testing.jwt import TestJwtKey
from finial.wire.pb.spiffe.workload import workload_pb2 as messages
from finial.wire.pb.spiffe.workload.workload_grpc import SpiffeWorkloadAPIBase

NO_IDENTITY = PermissionDenied("no identity issued")


class WorkloadApiServer(SpiffeWorkloadAPIBase):
    """Answers every caller the same; until `serve` is called, "no identity issued"."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.jwt_key = TestJwtKey()
        self.headers_seen: list[str] = []
        self.jwt_calls = 0
        self._answer: messages.X509SVIDResponse | FinialError = NO_IDENTITY
        self._changed = asyncio.Event()
        self._server = Server([self], UNIX)

    @property
    def address(self) -> str:
        return f"unix://{self.path}"

    def serve(
        self, ca: TestCa, *paths: str, hints: Sequence[str] = (), federated: Sequence[TestCa] = ()
    ) -> None:
        """A fresh SVID for each path, the first being the default."""
        issued = [(path, ca.leaf(path)) for path in paths]
        hinted = [*hints, *("" for _ in paths)]
        self.answer(
            messages.X509SVIDResponse(
                svids=[
                    svid(ca, path, leaf, hint) for (path, leaf), hint in zip(issued, hinted, strict=False)
                ],
                federated_bundles={f"spiffe://{one.trust_domain}": one.der for one in federated},
            )
        )

    def answer(self, answer: messages.X509SVIDResponse | FinialError) -> None:
        """Exactly this, now and to whoever comes."""
        self._answer = answer
        self._changed.set()
        self._changed = asyncio.Event()

    async def FetchX509SVID(
        self, stream: Stream[messages.X509SVIDRequest, messages.X509SVIDResponse]
    ) -> None:
        self._note(stream)
        await stream.recv_message()
        while True:
            changed = self._changed
            if isinstance(self._answer, FinialError):
                raise self._answer
            await stream.send_message(self._answer)
            await changed.wait()

    async def FetchX509Bundles(
        self, stream: Stream[messages.X509BundlesRequest, messages.X509BundlesResponse]
    ) -> None:
        self._note(stream)
        await stream.recv_message()
        if isinstance(self._answer, FinialError):
            raise self._answer
        own = {f"spiffe://{name_of(one)}": one.bundle for one in self._answer.svids}
        await stream.send_message(
            messages.X509BundlesResponse(bundles={**own, **self._answer.federated_bundles})
        )
        await asyncio.Event().wait()

    async def FetchJWTSVID(self, stream: Stream[messages.JWTSVIDRequest, messages.JWTSVIDResponse]) -> None:
        self._note(stream)
        request = await stream.recv_message()
        assert request is not None
        if isinstance(self._answer, FinialError):
            raise self._answer
        self.jwt_calls += 1
        now = SystemClock().unix()
        tokens = [
            messages.JWTSVID(
                spiffe_id=one.spiffe_id,
                svid=self.jwt_key.sign(one.spiffe_id, list(request.audience), now),
                hint=one.hint,
            )
            for one in self._answer.svids
            if request.spiffe_id in ("", one.spiffe_id)
        ]
        await stream.send_message(messages.JWTSVIDResponse(svids=tokens))

    async def FetchJWTBundles(
        self, stream: Stream[messages.JWTBundlesRequest, messages.JWTBundlesResponse]
    ) -> None:
        self._note(stream)
        await stream.recv_message()
        if isinstance(self._answer, FinialError):
            raise self._answer
        domains = {name_of(one) for one in self._answer.svids}
        documents = {
            f"spiffe://{name}": bundle_document.jwks(
                Bundle(
                    TrustDomain.parse(name),
                    jwt_authorities=(JwtAuthority(self.jwt_key.key_id, self.jwt_key.public_key),),
                )
            )
            for name in domains
        }
        await stream.send_message(messages.JWTBundlesResponse(bundles=documents))
        await asyncio.Event().wait()

    async def ValidateJWTSVID(
        self, stream: Stream[messages.ValidateJWTSVIDRequest, messages.ValidateJWTSVIDResponse]
    ) -> None:
        self._note(stream)
        await stream.recv_message()
        await stream.send_message(messages.ValidateJWTSVIDResponse())

    async def FetchWITSVID(self, stream: Stream[messages.WITSVIDRequest, messages.WITSVIDResponse]) -> None:
        raise NO_IDENTITY

    async def FetchWITBundles(
        self, stream: Stream[messages.WITBundlesRequest, messages.WITBundlesResponse]
    ) -> None:
        raise NO_IDENTITY

    def _note(self, stream: Stream[Any, Any]) -> None:
        metadata = dict(stream.metadata or {})
        self.headers_seen.append(str(metadata.get("workload.spiffe.io", "")))

    async def stop(self) -> None:
        await self._server.close()

    async def __aenter__(self) -> Self:
        await self._server.start(path=str(self.path))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def svid(ca: TestCa, path: str, issued: Issued, hint: str = "") -> messages.X509SVID:
    root = ca
    while root.issuer is not None:
        root = root.issuer
    return messages.X509SVID(
        spiffe_id=f"spiffe://{ca.trust_domain}{path}",
        x509_svid=b"".join(issued.chain),
        x509_svid_key=issued.key,
        bundle=root.der,
        hint=hint,
    )


def name_of(message: messages.X509SVID) -> str:
    """The trust domain's name."""
    return message.spiffe_id.removeprefix("spiffe://").partition("/")[0]


@dataclass(slots=True)
class Workload:
    """A workload of the test's own: what its agent answers, and its source."""

    api: WorkloadApiServer
    source: X509Source


@asynccontextmanager
async def workloads(folder: Path, *served: tuple[TestCa, str]) -> AsyncIterator[list[Workload]]:
    """One for each (CA, path of its ID), with sockets in `folder`."""
    async with AsyncExitStack() as stack:
        found = []
        for number, (ca, path) in enumerate(served):
            api = await stack.enter_async_context(WorkloadApiServer(folder / f"{number}.sock"))
            api.serve(ca, path)
            client = await stack.enter_async_context(WorkloadApi(api.address))
            found.append(Workload(api, await stack.enter_async_context(X509Source(client))))
        yield found
