"""`spire.api.server.localauthority.v1.LocalAuthority`: rotation by hand, one step at a time.

    prepare -> activate -> (the one before is old) -> taint -> revoke

Of the same shape for X.509 and JWT. Below an upstream authority its roots are tainted and revoked in place of
the CAs. WIT is not served.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, NoReturn

from finial.authority.journal import X509CaRecord
from finial.authority.slots import AnyRecord, Kind
from finial.errors import Unsupported
from finial.runtime.grpc import Stream
from finial.server.api.backend import Backend, Request, request_of
from finial.server.api.caller import current
from finial.server.by_hand import NAMES, ByHand
from finial.server.rotate import Authorities
from finial.wire.pb.spire.api.server.localauthority.v1 import localauthority_pb2 as api
from finial.wire.pb.spire.api.server.localauthority.v1.localauthority_grpc import LocalAuthorityBase

NO_WIT = "WIT-SVID functionality is not yet implemented"
X509, JWT = Kind.X509, Kind.JWT


class LocalAuthorityService(LocalAuthorityBase):
    def __init__(self, backend: Backend, authorities: Authorities) -> None:
        self._backend, self._authorities = backend, ByHand(authorities)

    async def GetX509AuthorityState(
        self, stream: Stream[api.GetX509AuthorityStateRequest, api.GetX509AuthorityStateResponse]
    ) -> None:
        await self._asked(stream, X509)
        await stream.send_message(api.GetX509AuthorityStateResponse(**self._states(X509)))

    async def GetJWTAuthorityState(
        self, stream: Stream[api.GetJWTAuthorityStateRequest, api.GetJWTAuthorityStateResponse]
    ) -> None:
        await self._asked(stream, JWT)
        await stream.send_message(api.GetJWTAuthorityStateResponse(**self._states(JWT)))

    async def PrepareX509Authority(
        self, stream: Stream[api.PrepareX509AuthorityRequest, api.PrepareX509AuthorityResponse]
    ) -> None:
        await self._asked(stream, X509)
        prepared = state_of(await self._authorities.prepare(X509))
        current().prove(local_authority_id=prepared.authority_id)
        await self._settle()
        await stream.send_message(api.PrepareX509AuthorityResponse(prepared_authority=prepared))

    async def PrepareJWTAuthority(
        self, stream: Stream[api.PrepareJWTAuthorityRequest, api.PrepareJWTAuthorityResponse]
    ) -> None:
        await self._asked(stream, JWT)
        prepared = state_of(await self._authorities.prepare(JWT))
        current().prove(local_authority_id=prepared.authority_id)
        await self._settle()
        await stream.send_message(api.PrepareJWTAuthorityResponse(prepared_authority=prepared))

    async def ActivateX509Authority(
        self, stream: Stream[api.ActivateX509AuthorityRequest, api.ActivateX509AuthorityResponse]
    ) -> None:
        request = await self._asked(stream, X509)
        activated = state_of(await self._authorities.activate(X509, request.authority_id))
        await stream.send_message(api.ActivateX509AuthorityResponse(activated_authority=activated))

    async def ActivateJWTAuthority(
        self, stream: Stream[api.ActivateJWTAuthorityRequest, api.ActivateJWTAuthorityResponse]
    ) -> None:
        request = await self._asked(stream, JWT)
        activated = state_of(await self._authorities.activate(JWT, request.authority_id))
        await stream.send_message(api.ActivateJWTAuthorityResponse(activated_authority=activated))

    async def TaintX509Authority(
        self, stream: Stream[api.TaintX509AuthorityRequest, api.TaintX509AuthorityResponse]
    ) -> None:
        request = await self._asked(stream, X509)
        tainted = await self._taint(X509, request.authority_id)
        await stream.send_message(api.TaintX509AuthorityResponse(tainted_authority=tainted))

    async def TaintJWTAuthority(
        self, stream: Stream[api.TaintJWTAuthorityRequest, api.TaintJWTAuthorityResponse]
    ) -> None:
        request = await self._asked(stream, JWT)
        tainted = await self._taint(JWT, request.authority_id)
        await stream.send_message(api.TaintJWTAuthorityResponse(tainted_authority=tainted))

    async def RevokeX509Authority(
        self, stream: Stream[api.RevokeX509AuthorityRequest, api.RevokeX509AuthorityResponse]
    ) -> None:
        request = await self._asked(stream, X509)
        await self._changed(X509, "revoked", self._authorities.revoke(X509, request.authority_id))
        revoked = api.AuthorityState(authority_id=request.authority_id)
        await stream.send_message(api.RevokeX509AuthorityResponse(revoked_authority=revoked))

    async def RevokeJWTAuthority(
        self, stream: Stream[api.RevokeJWTAuthorityRequest, api.RevokeJWTAuthorityResponse]
    ) -> None:
        request = await self._asked(stream, JWT)
        await self._changed(JWT, "revoked", self._authorities.revoke(JWT, request.authority_id))
        revoked = api.AuthorityState(authority_id=request.authority_id)
        await stream.send_message(api.RevokeJWTAuthorityResponse(revoked_authority=revoked))

    async def _asked(self, stream: Stream[Request, Any], kind: Kind) -> Request:
        """Raises: Unsupported where JWT-SVIDs are switched off."""
        request = await request_of(stream)
        if kind is JWT:
            self._backend.signer.require_jwt()
        authority_id = getattr(request, "authority_id", "")
        if authority_id:
            current().audit(local_authority_id=authority_id)
        return request

    def _states(self, kind: Kind) -> dict[str, api.AuthorityState]:
        slots = self._authorities.slots(kind)
        records = {"active": slots.current, "prepared": slots.prepared, "old": slots.old}
        return {name: state_of(record) for name, record in records.items() if record is not None}

    async def _taint(self, kind: Kind, authority_id: str) -> api.AuthorityState:
        old = self._authorities.slots(kind).old
        await self._changed(kind, "tainted", self._authorities.taint(kind, authority_id))
        if old and kind is X509:
            return state_of(old)
        return api.AuthorityState(authority_id=authority_id)  # SPIRE does not tell when a JWT key expires

    async def _changed(self, kind: Kind, done: str, change: Awaitable[None]) -> None:
        await change
        await self._settle()
        message = f"{NAMES[kind]} authority {done} successfully"
        current().log.info(message)

    async def _settle(self) -> None:
        """As a rule until the index, and with it every answer, holds the bundle as it is."""
        await self._backend.follower.caught_up(await self._backend.store.changes.position())

    async def TaintX509UpstreamAuthority(
        self, stream: Stream[api.TaintX509UpstreamAuthorityRequest, api.TaintX509UpstreamAuthorityResponse]
    ) -> None:
        key_id = await self._upstream_id(stream)
        await self._authorities.taint_upstream(key_id)
        await self._settle()
        current().log.info("X.509 upstream authority tainted successfully")
        answer = api.TaintX509UpstreamAuthorityResponse(upstream_authority_subject_key_id=key_id)
        await stream.send_message(answer)

    async def RevokeX509UpstreamAuthority(
        self, stream: Stream[api.RevokeX509UpstreamAuthorityRequest, api.RevokeX509UpstreamAuthorityResponse]
    ) -> None:
        key_id = await self._upstream_id(stream)
        await self._authorities.revoke_upstream(key_id)
        await self._settle()
        current().log.info("X.509 upstream authority successfully revoked")
        answer = api.RevokeX509UpstreamAuthorityResponse(upstream_authority_subject_key_id=key_id)
        await stream.send_message(answer)

    async def _upstream_id(self, stream: Stream[Any, Any]) -> str:
        given = (await request_of(stream)).subject_key_id
        if given:
            current().audit(subject_key_id=given)
        return str(given).lower()

    async def GetWITAuthorityState(self, stream: Stream[Any, Any]) -> None:
        no_wit()

    async def PrepareWITAuthority(self, stream: Stream[Any, Any]) -> None:
        no_wit()

    async def ActivateWITAuthority(self, stream: Stream[Any, Any]) -> None:
        no_wit()

    async def TaintWITAuthority(self, stream: Stream[Any, Any]) -> None:
        no_wit()

    async def RevokeWITAuthority(self, stream: Stream[Any, Any]) -> None:
        no_wit()


def no_wit() -> NoReturn:
    raise Unsupported(NO_WIT)


def state_of(record: AnyRecord) -> api.AuthorityState:
    state = api.AuthorityState(authority_id=record.authority_id, expires_at=record.not_after)
    if isinstance(record, X509CaRecord):
        state.upstream_authority_subject_key_id = record.upstream_authority_id
    return state
