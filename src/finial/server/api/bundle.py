"""`spire.api.server.bundle.v1.Bundle`, the own bundle; `federated.py` is the other trust domains'."""

from __future__ import annotations

from finial.errors import FinialError, InvalidArgument, Unsupported
from finial.runtime.grpc import Stream
from finial.server.api.backend import request_of
from finial.server.api.caller import current
from finial.server.api.federated import FederatedBundles
from finial.spiffe.bundle import Bundle
from finial.wire.convert.bundle import (
    bundle_to_wire,
    jwt_authorities_to_wire,
    jwt_authority_from_request,
    x509_authorities_from_request,
)
from finial.wire.convert.field import apply_mask, given, naming
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2 as api
from finial.wire.pb.spire.api.types import bundle_pb2
from finial.wire.status import answers

NO_WIT = "WIT-SVID functionality is not yet implemented"


class BundleService(FederatedBundles):
    async def GetBundle(self, stream: Stream[api.GetBundleRequest, bundle_pb2.Bundle]) -> None:
        request = await request_of(stream)
        bundle = self._backend.follower.view.bundles.get(self._backend.trust_domain)
        if bundle is None:
            bundle = await self._backend.own_bundle()
        call = current()
        call.audit(trust_domain_id=bundle.trust_domain.name)
        if call.caller.svid is not None and call.caller.svid.id in self._backend.follower.index.agents:
            self._backend.marks.fetched_bundle(call.caller.svid.id)
        mask = given(request, "output_mask", request.output_mask)
        await stream.send_message(apply_mask(bundle_to_wire(bundle), mask))

    async def AppendBundle(self, stream: Stream[api.AppendBundleRequest, bundle_pb2.Bundle]) -> None:
        request = await request_of(stream)
        if not (request.x509_authorities or request.jwt_authorities):
            raise InvalidArgument("no authorities to append")
        with naming("failed to convert X.509 authority"):
            x509 = x509_authorities_from_request(request.x509_authorities)
        with naming("failed to convert JWT authority"):
            jwt = tuple(jwt_authority_from_request(one) for one in request.jwt_authorities)
        added = Bundle(self._backend.trust_domain, x509, jwt)
        with answers("failed to append bundle"):
            bundle = await self._backend.settled(stream, await self._backend.store.append_bundle(added))
        mask = given(request, "output_mask", request.output_mask)
        await stream.send_message(apply_mask(bundle_to_wire(bundle), mask))

    async def PublishJWTAuthority(
        self, stream: Stream[api.PublishJWTAuthorityRequest, api.PublishJWTAuthorityResponse]
    ) -> None:
        request = await request_of(stream)
        if not request.HasField("jwt_authority"):
            raise InvalidArgument("missing JWT authority")
        try:
            key = jwt_authority_from_request(request.jwt_authority)
        except FinialError as why:
            raise why.within("invalid JWT authority") from why
        added = Bundle(self._backend.trust_domain, jwt_authorities=(key,))
        with answers("failed to publish JWT key"):
            bundle = await self._backend.settled(stream, await self._backend.store.append_bundle(added))
        keys = jwt_authorities_to_wire(bundle.jwt_authorities)
        await stream.send_message(api.PublishJWTAuthorityResponse(jwt_authorities=keys))

    async def PublishWITAuthority(
        self, stream: Stream[api.PublishWITAuthorityRequest, api.PublishWITAuthorityResponse]
    ) -> None:
        raise Unsupported(NO_WIT)
