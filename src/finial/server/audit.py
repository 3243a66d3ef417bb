"""The server's audit log, as its file has it; what else than calls it is told."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from finial.authority.slots import AnyRecord, Kind
from finial.config.audit import REFUSE, Audit
from finial.config.server import ServerOptions
from finial.runtime.audit import VERIFICATION_KEY, AuditFile, AuditStream
from finial.runtime.audit.stream import time_of
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.runtime.log_line import timestamp
from finial.runtime.metrics import Metrics
from finial.svid.x509 import X509Svid

ITSELF = "server"  # who acts without being asked


async def open_audit(
    options: ServerOptions, clock: Clock, log: Logger, metrics: Metrics, stack: AsyncExitStack
) -> AuditStream | None:
    """To be `run`; `stack` closes it. None: the file wants none.

    Raises: FailedPrecondition, InvalidArgument if the log cannot be used.
    """
    if options.audit is None:
        return None
    stream = await _open(options.audit, options.data_dir, clock, log.subsystem("audit"), metrics)
    stack.push_async_callback(stream.close)
    return stream


async def _open(options: Audit, data_dir: str, clock: Clock, told: Logger, metrics: Metrics) -> AuditStream:
    folder = Path(options.folder or Path(data_dir) / "audit")
    limit = options.file_size_limit
    file = await asyncio.to_thread(lambda: AuditFile(folder, time_of(clock), size_limit=limit))
    if file.begun:
        told.warning(
            "Audit log is begun: take its verification key to another machine, and away from this one",
            path=str(folder / VERIFICATION_KEY),
        )
    if file.broken:
        told.error("Audit log was changed by somebody else", error=file.broken)
    told.info("Audit log is written", folder=str(folder), on_failure=options.on_failure)
    return AuditStream(file, clock, told, metrics, refuse=options.on_failure == REFUSE)


class AuthorityAudit:
    """What happens to authorities, by the clock or by hand. Does nothing without a stream."""

    def __init__(self, stream: AuditStream | None) -> None:
        self._stream = stream

    def prepared(self, kind: Kind, record: AnyRecord) -> None:
        self._tell("authority/prepared", kind, record.authority_id, record.not_after)

    def activated(self, kind: Kind, record: AnyRecord) -> None:
        """Also at a start: from here on this process signs with it."""
        self._tell("authority/activated", kind, record.authority_id, record.not_after)

    def tainted(self, kind: Kind, authority_id: str) -> None:
        self._tell("authority/tainted", kind, authority_id)

    def revoked(self, kind: Kind, authority_id: str) -> None:
        self._tell("authority/revoked", kind, authority_id)

    def own_svid(self, svid: X509Svid) -> None:
        if self._stream is not None:
            about = {"spiffe_id": str(svid.id), "serial_number": str(svid.serial_number)}
            about["expires_at"] = timestamp(svid.not_after, fine=True)
            self._stream.record("server/svid", who=ITSELF, result="ok", about=about)

    def _tell(self, what: str, kind: Kind, authority_id: str, ends: int = 0) -> None:
        if self._stream is None:
            return
        about = {"kind": kind.name, "authority_id": authority_id}
        if ends:
            about["expires_at"] = timestamp(datetime.fromtimestamp(ends, UTC), fine=True)
        self._stream.record(what, who=ITSELF, result="ok", about=about)
