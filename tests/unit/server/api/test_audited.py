"""Calls as records; over sockets: tests/playbooks/test_server_audit.py."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from grpclib.const import Status

from finial.config.audit import Audit
from finial.errors import Unavailable
from finial.runtime.audit import AuditStream
from finial.runtime.grpc import GRPCError
from finial.runtime.log import Logger, Output
from finial.server.api.access import RULES
from finial.server.api.audited import DENIALS, CallAudit, changes_something, what_of
from finial.server.api.caller import Caller, CallRecord
from finial.testing.clock import VirtualClock

CREATE = "/spire.api.server.entry.v1.Entry/BatchCreateEntry"
LIST = "/spire.api.server.entry.v1.Entry/ListEntries"


class Told:
    """In place of a stream: what it was told."""

    def __init__(self, *, failing: bool = False) -> None:
        self.records: list[dict[str, Any]] = []
        self._failing = failing

    def record(self, what: str, **fields: object) -> None:
        self.records.append({"what": what, **fields})

    def require(self) -> None:
        if self._failing:
            raise Unavailable("the audit log cannot be written")


def audit_of(told: Told, *, reads: bool = False, clock: VirtualClock | None = None) -> CallAudit:
    return CallAudit(cast(AuditStream, told), clock or VirtualClock(), reads=reads)


def call(path: str) -> CallRecord:
    log = Logger(Output(io.StringIO(), now=lambda: datetime.now(UTC)))
    record = CallRecord(path, Caller(address="10.0.0.1:5"), log, auditing=True)
    record.authorized_as = "admin"
    return record


def test_an_item_each_and_what_all_of_them_share() -> None:
    told, record = Told(), call(CREATE)
    record.audit(shared="s", empty="")
    record.prove(serial_number="7")
    record.audit_item("", {"entry_id": "e", "revision": 0}, spiffe_id="spiffe://a/b", entry_id="")
    record.audit_item("NotFound: not: there")
    audit_of(told).tell(record, None, b"\x01")
    common = {"what": "Entry/BatchCreateEntry", "who": "10.0.0.1:5", "as": "admin", "from": "10.0.0.1:5"}
    about = {"shared": "s", "serial_number": "7"}
    entry = {"entry_id": "e", "revision": 0, "spiffe_id": "spiffe://a/b"}
    assert told.records == [
        common | {"result": "ok", "position": "01", "about": about | entry},
        common | {"result": "NotFound", "why": "not: there", "position": "01", "about": about},
    ]


def test_a_call_without_items_is_one_record_and_so_is_what_failed_it() -> None:
    told, record = Told(), call(CREATE)
    record.prove(expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    audit_of(told).tell(record, None, None)
    audit_of(told).tell(record, GRPCError(Status.INTERNAL, "broken"), None)
    good, bad = told.records
    assert good["about"] == {"expires_at": "2026-01-01T00:00:00Z"}
    assert "position" not in good
    assert (bad["result"], bad["why"]) == ("Internal", "broken")


@pytest.mark.parametrize(("reads", "count"), [(False, 0), (True, 1)])
def test_reading_is_recorded_by_choice_and_its_denial_always(reads: bool, count: int) -> None:
    told = Told()
    audit_of(told, reads=reads).tell(call(LIST), None, None)
    assert len(told.records) == count
    audit_of(told, reads=reads).deny(call(LIST), GRPCError(Status.PERMISSION_DENIED, "no"))
    assert len(told.records) == count + 1


def test_who_is_denied_all_the_time_fills_no_disk() -> None:
    told, clock = Told(), VirtualClock()
    audit = audit_of(told, clock=clock)
    for _ in range(DENIALS + 5):
        audit.deny(call(LIST), GRPCError(Status.PERMISSION_DENIED, "no"))
    assert len(told.records) == DENIALS
    clock._elapsed += 1
    audit.deny(call(LIST), GRPCError(Status.PERMISSION_DENIED, "no"))
    assert told.records[-1]["about"] == {"denials_left_out": 5}


def test_only_what_changes_something_waits_for_the_log() -> None:
    audit = audit_of(Told(failing=True))
    audit.require(LIST)
    with pytest.raises(Unavailable):
        audit.require(CREATE)


def test_without_the_block_there_is_none() -> None:
    assert CallAudit.of(None, VirtualClock(), None) is None
    assert CallAudit.of(cast(AuditStream, SimpleNamespace()), VirtualClock(), Audit()) is not None


def test_what_reads_is_known_by_its_name_and_all_else_changes_something() -> None:
    reading = {what_of(path) for path in RULES if not changes_something(path)}
    assert "SVID/MintX509SVID" not in reading
    assert "Bundle/GetBundle" in reading
    assert changes_something("/new.Service/Purge")
