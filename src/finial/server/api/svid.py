"""`spire.api.server.svid.v1.SVID`: signing for operators and for agents.

An agent gets what the index says it may hold, whatever it asks: the names come from the entry, of a CSR
only the key is taken. WIT-SVIDs are not issued.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from hashlib import sha256

from finial.authority.policy import CheckedX509, Policy
from finial.errors import FinialError, InvalidArgument, NotFound, Unsupported
from finial.registry.entry import Entry
from finial.runtime.grpc import Stream
from finial.runtime.log import FieldValue, Level
from finial.server.api.access import CSR
from finial.server.api.backend import Backend, audit_text, request_of
from finial.server.api.caller import current
from finial.server.api.gate import Gate
from finial.server.sign import Check
from finial.svid import csr
from finial.svid.csr import Csr
from finial.svid.x509 import X509Svid
from finial.wire.convert.field import given, naming
from finial.wire.convert.id import workload_id_from_request
from finial.wire.convert.svid import jwt_svid_to_wire, x509_svid_to_wire
from finial.wire.pb.spire.api.server.svid.v1 import svid_pb2 as api
from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDBase
from finial.wire.status import item_status

Param = api.NewX509SVIDParams
Result = api.BatchNewX509SVIDResponse.Result
NO_WIT = "WIT functionality is disabled"
NO_DOWNSTREAM = "downstream X.509 authorities are not issued by this server"


class SvidService(SVIDBase):
    def __init__(self, backend: Backend, gate: Gate) -> None:
        self._backend, self._gate = backend, gate

    async def MintX509SVID(self, stream: Stream[api.MintX509SVIDRequest, api.MintX509SVIDResponse]) -> None:
        request = await request_of(stream)
        if not request.csr:
            raise InvalidArgument("missing CSR")
        current().audit(csr=sha256(request.csr).hexdigest(), ttl=request.ttl)
        asked = csr.parse(request.csr)
        svid = await self._backend.signer.x509(lambda policy: policy.mint(asked, request.ttl), asked)
        current().audit(spiffe_id=str(svid.id), expires_at=svid.not_after)
        current().prove(serial_number=str(svid.serial_number))
        _log_signed(svid)
        await stream.send_message(api.MintX509SVIDResponse(svid=x509_svid_to_wire(svid)))

    async def MintJWTSVID(self, stream: Stream[api.MintJWTSVIDRequest, api.MintJWTSVIDResponse]) -> None:
        request = await request_of(stream)
        self._backend.signer.require_jwt()
        with naming("invalid SPIFFE ID"):
            spiffe_id = workload_id_from_request(given(request, "id", request.id), self._backend.trust_domain)
        current().audit(spiffe_id=str(spiffe_id), audience=",".join(request.audience), ttl=request.ttl)
        checked = self._backend.signer.policy.mint_jwt(spiffe_id, request.audience, request.ttl)
        svid = await self._backend.signer.jwt(checked)
        current().prove(expires_at=datetime.fromtimestamp(svid.expires_at, UTC), key_id=svid.key_id)
        _log_jwt(str(svid.id), svid.audience)
        await stream.send_message(api.MintJWTSVIDResponse(svid=jwt_svid_to_wire(svid)))

    async def BatchNewX509SVID(
        self, stream: Stream[api.BatchNewX509SVIDRequest, api.BatchNewX509SVIDResponse]
    ) -> None:
        request = await request_of(stream)
        if not request.params:
            raise InvalidArgument("missing parameters")
        await self._gate.limit(current(), CSR, len(request.params))
        signed = await self._sign(list(request.params))
        results = [_result(one) for one in signed]
        for param, one in zip(request.params, signed, strict=True):
            self._record(param, one)
        issued = [
            param.entry_id
            for param, one in zip(request.params, signed, strict=True)
            if isinstance(one, X509Svid)
        ]
        self._backend.marks.signed(current().agent_id, issued)
        await stream.send_message(api.BatchNewX509SVIDResponse(results=results))

    async def _sign(self, params: list[Param]) -> list[X509Svid | FinialError]:
        """In the order of the parameters."""
        held = self._backend.follower.index.answer(current().agent_id).entries
        if len(params) == 1:
            return [await self._sign_one(params[0], held.get(params[0].entry_id))]
        found = [_read(param, held.get(param.entry_id)) for param in params]
        checks = [one for one in found if not isinstance(one, FinialError)]
        signed = iter(await self._backend.signer.x509_batch(checks))
        return [one if isinstance(one, FinialError) else next(signed) for one in found]

    async def _sign_one(self, param: Param, entry: Entry | None) -> X509Svid | FinialError:
        """What agents ask for most: read here, so that the signer sees how long it takes."""
        try:
            checked = _require(param, entry)
            asked = csr.parse(param.csr)
            return await self._backend.signer.x509(lambda policy: _judge(asked, checked, policy), asked)
        except FinialError as why:
            return why

    def _record(self, param: Param, done: X509Svid | FinialError) -> None:
        """Log and audit of one item: nothing is put together for what is not written."""
        call = current()
        if isinstance(done, NotFound):
            call.log.error("Entry not found or not authorized", entry_id=param.entry_id)
        if not isinstance(done, FinialError):
            _log_signed(done, param.entry_id)
        if call.auditing:
            fields: dict[str, FieldValue] = {"entry_id": param.entry_id, "spiffe_id": ""}
            fields["csr"] = sha256(param.csr).hexdigest()
            if isinstance(done, FinialError):
                call.audit_item(audit_text(done), **fields)
            else:
                fields |= {"spiffe_id": str(done.id), "expires_at": int(done.not_after.timestamp())}
                call.audit_item("", {"serial_number": str(done.serial_number)}, **fields)

    async def NewJWTSVID(self, stream: Stream[api.NewJWTSVIDRequest, api.NewJWTSVIDResponse]) -> None:
        request = await request_of(stream)
        self._backend.signer.require_jwt()
        current().audit(audience=",".join(request.audience), ttl=0)
        entry = self._backend.follower.index.entry_for(current().agent_id, request.entry_id)
        if entry is None:
            raise NotFound("entry not found or not authorized")
        if not request.audience:
            raise InvalidArgument("at least one audience is required")
        current().audit(entry_id=entry.id, spiffe_id=str(entry.spiffe_id))
        checked = self._backend.signer.policy.workload_jwt(entry, request.audience)
        svid = await self._backend.signer.jwt(checked)
        current().prove(expires_at=datetime.fromtimestamp(svid.expires_at, UTC), key_id=svid.key_id)
        _log_jwt(str(svid.id), svid.audience)
        await stream.send_message(api.NewJWTSVIDResponse(svid=jwt_svid_to_wire(svid)))

    async def MintWITSVID(self, stream: Stream[api.MintWITSVIDRequest, api.MintWITSVIDResponse]) -> None:
        raise Unsupported(NO_WIT)

    async def BatchNewWITSVID(
        self, stream: Stream[api.BatchNewWITSVIDRequest, api.BatchNewWITSVIDResponse]
    ) -> None:
        raise Unsupported(NO_WIT)

    async def NewDownstreamX509CA(
        self, stream: Stream[api.NewDownstreamX509CARequest, api.NewDownstreamX509CAResponse]
    ) -> None:
        raise Unsupported(NO_DOWNSTREAM)


def _read(param: Param, entry: Entry | None) -> Check | FinialError:
    try:
        return partial(_check, param.csr, _require(param, entry))
    except FinialError as why:
        return why


def _require(param: Param, entry: Entry | None) -> Entry:
    """Raises: InvalidArgument, NotFound for a parameter that nothing can be signed for."""
    if not param.entry_id:
        raise InvalidArgument("missing entry ID")
    if not param.csr:
        raise InvalidArgument("missing CSR")
    if entry is None:
        raise NotFound("entry not found or not authorized")
    return entry


def _check(request: bytes, entry: Entry, policy: Policy) -> CheckedX509:
    """On a signing thread. Raises: InvalidArgument."""
    return _judge(csr.parse(request), entry, policy)


def _judge(asked: Csr, entry: Entry, policy: Policy) -> CheckedX509:
    """Raises: InvalidArgument, of a batch's item in other words than of a mint."""
    try:
        return policy.workload(entry, asked)
    except InvalidArgument as why:
        raise InvalidArgument(
            why.message.replace("failed to verify CSR signature", "invalid CSR signature")
        ) from why


def _result(done: X509Svid | FinialError) -> Result:
    if isinstance(done, FinialError):
        return Result(status=item_status(done))
    return Result(status=item_status(None), svid=x509_svid_to_wire(done))


def _log_signed(svid: X509Svid, entry_id: str = "") -> None:
    log = current().log
    if not log.enabled(Level.DEBUG):
        return
    named = {"entry_id": entry_id} if entry_id else {}
    log.debug(
        "Signed X509 SVID",
        spiffe_id=str(svid.id),
        serial_num=str(svid.serial_number),
        expiration=svid.not_after,
        **named,
    )


def _log_jwt(spiffe_id: str, audience: tuple[str, ...]) -> None:
    current().log.debug(
        "Server CA successfully signed JWT SVID", spiffe_id=spiffe_id, audience=list(audience)
    )
