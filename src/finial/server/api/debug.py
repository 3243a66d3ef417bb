"""`spire.api.server.debug.v1.Debug`: counts, uptime and the server's own certificates; kept for 5 s."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.x509.oid import NameOID

from finial.runtime.grpc import Stream
from finial.server.api.backend import Backend, request_of
from finial.spiffe.id import SpiffeId
from finial.svid.certificate import read
from finial.wire.convert.id import id_to_wire
from finial.wire.pb.spire.api.server.debug.v1 import debug_pb2 as api
from finial.wire.pb.spire.api.server.debug.v1.debug_grpc import DebugBase

GO_NAMES = {NameOID.SERIAL_NUMBER: "SERIALNUMBER"}  # else by number
KEPT = 5.0  # seconds, as in SPIRE


class DebugService(DebugBase):
    """`chain` answers the server's SVID, DER, leaf first, with its CA at the end."""

    def __init__(self, backend: Backend, chain: Callable[[], tuple[bytes, ...]]) -> None:
        self._backend, self._chain = backend, chain
        self._started = backend.clock.monotonic()
        self._kept: tuple[float, api.GetInfoResponse] | None = None

    async def GetInfo(self, stream: Stream[api.GetInfoRequest, api.GetInfoResponse]) -> None:
        await request_of(stream)
        now = self._backend.clock.monotonic()
        if self._kept is None or now - self._kept[0] >= KEPT:
            self._kept = now, self._info(now)
        await stream.send_message(self._kept[1])

    def _info(self, now: float) -> api.GetInfoResponse:
        view = self._backend.follower.view
        return api.GetInfoResponse(
            svid_chain=[_described(der) for der in self._chain()],
            uptime=int(now - self._started),
            agents_count=len(view.index.agents),
            entries_count=len(view.index.entries),
            federated_bundles_count=len(view.bundles),
        )


def _described(der: bytes) -> api.GetInfoResponse.Cert:
    certificate = read(der)
    return api.GetInfoResponse.Cert(
        id=id_to_wire(SpiffeId.parse(certificate.uris[0])),
        expires_at=int(certificate.not_after.timestamp()),
        subject=certificate.parsed.subject.rfc4514_string(GO_NAMES),
    )
