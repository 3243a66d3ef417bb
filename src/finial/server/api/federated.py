"""Bundles of other trust domains: the rest of `spire.api.server.bundle.v1.Bundle`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from finial.errors import AlreadyExists, FinialError, InvalidArgument, NotFound
from finial.runtime.grpc import Stream
from finial.server.api.backend import Backend, as_internal, audit_text, request_of
from finial.server.api.caller import current
from finial.server.listing import read_token
from finial.spiffe.bundle import Bundle
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Committed, DeleteMode
from finial.wire.convert.bundle import bundle_from_request, bundle_to_wire, updated_bundle
from finial.wire.convert.field import apply_mask, given, hidden_fields, hide, naming
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2 as api
from finial.wire.pb.spire.api.server.bundle.v1.bundle_grpc import BundleBase
from finial.wire.pb.spire.api.types import bundle_pb2, status_pb2
from finial.wire.status import answers, item_status

OWN = "the server's own trust domain is not allowed"
MODES = {0: DeleteMode.RESTRICT, 1: DeleteMode.DELETE, 2: DeleteMode.DISSOCIATE}
AnyStream = (
    Stream[api.BatchSetFederatedBundleRequest, api.BatchSetFederatedBundleResponse]
    | Stream[api.BatchCreateFederatedBundleRequest, api.BatchCreateFederatedBundleResponse]
    | Stream[api.BatchUpdateFederatedBundleRequest, api.BatchUpdateFederatedBundleResponse]
)
AnyRequest = (
    api.BatchSetFederatedBundleRequest
    | api.BatchCreateFederatedBundleRequest
    | api.BatchUpdateFederatedBundleRequest
)
Write = Callable[[Bundle], Awaitable[Committed[Bundle]]]


class FederatedBundles(BundleBase):
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def CountBundles(self, stream: Stream[api.CountBundlesRequest, api.CountBundlesResponse]) -> None:
        await request_of(stream)
        count = len(await self._backend.store.bundles())
        await stream.send_message(api.CountBundlesResponse(count=count))

    async def ListFederatedBundles(
        self, stream: Stream[api.ListFederatedBundlesRequest, api.ListFederatedBundlesResponse]
    ) -> None:
        """The own bundle takes a place in a page and is left out: SPIRE drops it after paging."""
        request = await request_of(stream)
        async with as_internal("failed to list bundles"):
            after = read_token(request.page_token) if request.page_size > 0 else 0
        page = [one for one in await self._backend.store.bundles() if one.row > after]
        if request.page_size > 0:
            page = page[: request.page_size]
        hidden = hidden_fields(given(request, "output_mask", request.output_mask))
        shown = [one for _, one in page if one.trust_domain != self._backend.trust_domain]
        token = str(page[-1].row) if page and request.page_size > 0 else ""
        bundles = [hide(bundle_to_wire(one), hidden) for one in shown]
        await stream.send_message(api.ListFederatedBundlesResponse(bundles=bundles, next_page_token=token))

    async def GetFederatedBundle(
        self, stream: Stream[api.GetFederatedBundleRequest, bundle_pb2.Bundle]
    ) -> None:
        request = await request_of(stream)
        current().audit(trust_domain_id=request.trust_domain)
        wanted = self._foreign(request.trust_domain, f"getting a federated bundle for {OWN}")
        bundle = await self._backend.store.bundle(wanted)
        if bundle is None:
            raise NotFound("bundle not found")
        mask = given(request, "output_mask", request.output_mask)
        await stream.send_message(apply_mask(bundle_to_wire(bundle), mask))

    async def BatchCreateFederatedBundle(
        self,
        stream: Stream[api.BatchCreateFederatedBundleRequest, api.BatchCreateFederatedBundleResponse],
    ) -> None:
        request = await request_of(stream)
        written = await self._written(stream, request, "creating", self._create)
        results = [
            api.BatchCreateFederatedBundleResponse.Result(status=status, bundle=bundle)
            for status, bundle in written
        ]
        await stream.send_message(api.BatchCreateFederatedBundleResponse(results=results))

    async def _create(self, bundle: Bundle) -> Committed[Bundle]:
        try:
            return await self._backend.store.create_bundle(bundle)
        except AlreadyExists:
            raise AlreadyExists("bundle already exists") from None

    async def BatchUpdateFederatedBundle(
        self,
        stream: Stream[api.BatchUpdateFederatedBundleRequest, api.BatchUpdateFederatedBundleResponse],
    ) -> None:
        request = await request_of(stream)
        mask = given(request, "input_mask", request.input_mask)

        async def update(bundle: Bundle) -> Committed[Bundle]:
            with answers("bundle not found"):
                return await self._backend.store.change_bundle(
                    bundle.trust_domain, lambda stored: updated_bundle(stored, bundle, mask)
                )

        written = await self._written(stream, request, "updating", update)
        results = [
            api.BatchUpdateFederatedBundleResponse.Result(status=status, bundle=bundle)
            for status, bundle in written
        ]
        await stream.send_message(api.BatchUpdateFederatedBundleResponse(results=results))

    async def BatchSetFederatedBundle(
        self, stream: Stream[api.BatchSetFederatedBundleRequest, api.BatchSetFederatedBundleResponse]
    ) -> None:
        request = await request_of(stream)
        written = await self._written(stream, request, "setting", self._set)
        results = [
            api.BatchSetFederatedBundleResponse.Result(status=status, bundle=bundle)
            for status, bundle in written
        ]
        await stream.send_message(api.BatchSetFederatedBundleResponse(results=results))

    async def _set(self, bundle: Bundle) -> Committed[Bundle]:
        done = await self._backend.store.set_bundle(bundle)
        current().log.info("Bundle set successfully", trust_domain_id=bundle.trust_domain.name)
        return done

    async def BatchDeleteFederatedBundle(
        self,
        stream: Stream[api.BatchDeleteFederatedBundleRequest, api.BatchDeleteFederatedBundleResponse],
    ) -> None:
        request = await request_of(stream)
        mode = MODES.get(request.mode)
        if mode is None:
            raise InvalidArgument(
                f'failed to parse deletion mode: unhandled delete mode "{int(request.mode)}"'
            )
        results = []
        for name in request.trust_domains:
            error = await self._deleted(stream, name, mode)
            current().audit_item(audit_text(error) if error else "", trust_domain_id=name, mode=mode.name)
            results.append(
                api.BatchDeleteFederatedBundleResponse.Result(status=item_status(error), trust_domain=name)
            )
        await stream.send_message(api.BatchDeleteFederatedBundleResponse(results=results))

    async def _deleted(
        self,
        stream: Stream[api.BatchDeleteFederatedBundleRequest, api.BatchDeleteFederatedBundleResponse],
        name: str,
        mode: DeleteMode,
    ) -> FinialError | None:
        try:
            wanted = self._foreign(name, "removing the bundle for the server trust domain is not allowed")
            with answers("failed to delete federated bundle"):
                await self._backend.settled(stream, await self._backend.store.delete_bundle(wanted, mode))
        except NotFound:
            return NotFound("bundle not found")
        except FinialError as why:
            return why
        return None

    async def _written(
        self, stream: AnyStream, request: AnyRequest, doing: str, write: Write
    ) -> list[tuple[status_pb2.Status, bundle_pb2.Bundle | None]]:
        """Of each item of a batch, its status, and the bundle as it is stored then."""
        hidden = hidden_fields(given(request, "output_mask", request.output_mask))
        not_own = f"{doing} a federated bundle for {OWN}"
        return [await self._item(stream, one, not_own, write, hidden) for one in request.bundle]

    async def _item(
        self,
        stream: AnyStream,
        message: bundle_pb2.Bundle,
        not_own: str,
        write: Write,
        hidden: tuple[str, ...],
    ) -> tuple[status_pb2.Status, bundle_pb2.Bundle | None]:
        error: FinialError | None = None
        answer = None
        try:
            self._foreign(message.trust_domain, not_own)
            with naming("failed to convert bundle"):
                given_bundle = bundle_from_request(message)
            stored = await self._backend.settled(stream, await write(given_bundle))
            answer = hide(bundle_to_wire(stored), hidden)
        except FinialError as why:
            error = why
        current().audit_item(audit_text(error) if error else "", trust_domain_id=message.trust_domain)
        return item_status(error), answer

    def _foreign(self, name: str, not_own: str) -> TrustDomain:
        """Raises: InvalidArgument."""
        with naming("trust domain argument is not valid"):
            wanted = TrustDomain.parse(name)
        if wanted == self._backend.trust_domain:
            current().log.error(f"Invalid argument: {not_own}", trust_domain_id=wanted.name)
            raise InvalidArgument(not_own)
        return wanted
