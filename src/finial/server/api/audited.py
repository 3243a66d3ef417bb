"""What the audit stream is told of calls: one record for each item of a call, or one for the call.

Recorded is every call that changes or signs something, and every denial; what only reads, by choice. Who called, as
what, from where; which method; how it ended; the position that it reached in the change log; and what it was about: the
fields of SPIRE's audit log, and what was issued: serial number, revision, expiry. Never a key or a token.
"""

from __future__ import annotations

from collections.abc import Mapping

from finial.config.audit import Audit
from finial.runtime.audit import AuditStream
from finial.runtime.clock import Clock
from finial.runtime.grpc import GRPCError
from finial.runtime.log import FieldValue
from finial.runtime.log_line import as_json
from finial.server.api.caller import CallRecord
from finial.wire.status import status_code_name

READING = ("Get", "List", "Count", "Sync", "Check", "Watch", "Wait", "Follow")
SUCCESS = "ok"
DENIALS = 100  # a second are recorded each for itself; who knocks more often fills no disk


def changes_something(path: str) -> bool:
    """Of "/service/Method": also what signs. A method that nobody thought of does."""
    return not path.rpartition("/")[2].startswith(READING)


class CallAudit:
    """`reads`: calls that only read are recorded, too."""

    def __init__(self, stream: AuditStream, clock: Clock, *, reads: bool = False) -> None:
        self._stream, self._clock, self._reads = stream, clock, reads
        self._second = self._denials = self._left_out = 0

    @classmethod
    def of(cls, stream: AuditStream | None, clock: Clock, options: Audit | None) -> CallAudit | None:
        """None where the file wants no such log."""
        if stream is None or options is None:
            return None
        return cls(stream, clock, reads=options.reads)

    def wants(self, path: str) -> bool:
        return self._reads or changes_something(path)

    def require(self, path: str) -> None:
        """Raises: Unavailable if what changes something cannot be recorded and shall be."""
        if changes_something(path):
            self._stream.require()

    def tell(self, call: CallRecord, error: GRPCError | None, position: bytes | None) -> None:
        """A call that was let in and has ended."""
        if not self.wants(call.path):
            return
        about = call.audited | call.evidence
        for failure, fields, evidence in call.items:
            self._record(call, failure, {**about, **fields, **evidence}, position)
        if error is not None or not call.items:
            self._record(call, _text(error), about, position)

    def deny(self, call: CallRecord, error: GRPCError) -> None:
        """A call that was not let in, whatever it would have done."""
        second = int(self._clock.monotonic())
        if second != self._second:
            self._second, self._denials = second, 0
        self._denials += 1
        if self._denials > DENIALS:
            self._left_out += 1
            return
        more = {"denials_left_out": self._left_out} if self._left_out else {}
        self._left_out = 0
        self._record(call, _text(error), more, None)

    def _record(
        self, call: CallRecord, failure: str, about: Mapping[str, FieldValue], position: bytes | None
    ) -> None:
        code, _, message = failure.partition(": ")
        told: dict[str, object] = {
            "who": call.caller.name,
            "as": call.authorized_as,
            "result": code or SUCCESS,
        }
        if message:
            told["why"] = message
        if call.caller.address:
            told["from"] = call.caller.address
        if position is not None:
            told["position"] = position.hex()
        told["about"] = {name: as_json(value) for name, value in about.items() if value not in ("", None)}
        self._stream.record(what_of(call.path), **told)


def what_of(path: str) -> str:
    """`/spire.api.server.entry.v1.Entry/GetEntry` -> `Entry/GetEntry`."""
    service, _, method = path.rpartition("/")
    return f"{service.rpartition('.')[2]}/{method}"


def _text(error: GRPCError | None) -> str:
    return "" if error is None else f"{status_code_name(error.status.value)}: {error.message}"
