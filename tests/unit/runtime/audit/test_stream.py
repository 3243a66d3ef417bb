"""Batches, failures and the end of a stream."""

from __future__ import annotations

import asyncio
import errno
import io
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from finial.errors import Unavailable
from finial.runtime import fault
from finial.runtime.audit import stream as module
from finial.runtime.audit.file import AuditFile
from finial.runtime.audit.layout import files_in
from finial.runtime.audit.query import records
from finial.runtime.audit.stream import AuditStream
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output
from finial.runtime.tasks import Tasks
from finial.testing.metrics import told, unread

NOW = "2026-01-01T00:00:00Z"


class Disk:
    """Full as long as `full`; counts writes."""

    def __init__(self) -> None:
        self.full, self.writes = False, 0

    def __call__(self, name: str) -> None:
        if name == "audit.append":
            if self.full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.writes += 1


Scene = Callable[[AuditStream, Disk, io.StringIO], Awaitable[None]]


def play(folder: Path, scene: Scene, *, refuse: bool = False) -> None:
    async def run() -> None:
        log, disk = io.StringIO(), Disk()
        logger = Logger(Output(log, now=SystemClock().now, strict=True))
        with fault.hooked(disk):
            file = AuditFile(folder, NOW)
            await scene(AuditStream(file, SystemClock(), logger, unread(), refuse=refuse), disk, log)

    asyncio.run(run())


def whats(folder: Path) -> list[str]:
    return [one.what for one in records(files_in(folder)) if not one.what.startswith("audit/")]


def test_many_records_leave_in_one_write_and_the_end_is_sealed(tmp_path: Path) -> None:
    async def scene(stream: AuditStream, disk: Disk, _: io.StringIO) -> None:
        async with Tasks() as tasks:
            tasks.start(stream.run())
            for number in range(100):
                stream.record(f"w{number}", about={"k": "v"})
            async with asyncio.timeout(10):
                while len(whats(tmp_path)) < 100:  # noqa: ASYNC110 - a file sends no event
                    await asyncio.sleep(0.01)
            assert disk.writes <= 3  # of the start, of these, and perhaps of a seal
        await stream.close()

    play(tmp_path, scene)
    assert whats(tmp_path) == [f"w{number}" for number in range(100)]
    *_, closed, sealed = records(files_in(tmp_path))
    assert (closed.what, sealed.what) == ("audit/closed", "audit/sealed")


def test_while_the_disk_is_full_records_wait_and_calls_go_on(tmp_path: Path) -> None:
    async def scene(stream: AuditStream, disk: Disk, log: io.StringIO) -> None:
        disk.full = True
        stream.record("a")
        await stream.write()
        await stream.write()
        stream.record("b")
        stream.require()
        assert stream.failure == "no space left on device"
        assert log.getvalue().count("Audit log cannot be written") == 1
        assert 'mutating_calls="go on"' in log.getvalue()
        disk.full = False
        await stream.write()
        assert not stream.failure
        assert "Audit log is written again" in log.getvalue()
        assert whats(tmp_path) == ["a", "b"]
        await stream.close()

    play(tmp_path, scene)


def test_where_the_operator_wants_it_nothing_is_changed_without_a_record(tmp_path: Path) -> None:
    async def scene(stream: AuditStream, disk: Disk, _: io.StringIO) -> None:
        stream.require()
        disk.full = True
        stream.record("a")
        await stream.write()
        with pytest.raises(Unavailable, match="audit log cannot be written: no space left"):
            stream.require()
        disk.full = False
        await stream.write()
        stream.require()
        await stream.close()

    play(tmp_path, scene, refuse=True)


def test_what_does_not_fit_in_memory_is_counted_in_the_log_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 2)

    async def scene(stream: AuditStream, _: Disk, __: io.StringIO) -> None:
        for name in "abcde":
            stream.record(name)
        await stream.write()
        stream.record("f")
        await stream.write()
        await stream.close()

    play(tmp_path, scene)
    assert whats(tmp_path) == ["a", "b", "f"]
    (lost,) = [one for one in records(files_in(tmp_path)) if one.what == "audit/lost"]
    assert lost.fields["records"] == 3


def test_an_end_on_a_full_disk_says_how_much_is_lost(tmp_path: Path) -> None:
    async def scene(stream: AuditStream, disk: Disk, log: io.StringIO) -> None:
        disk.full = True
        stream.record("a")
        await stream.close()
        assert "Audit records are lost" in log.getvalue()
        assert "records=2" in log.getvalue()

    play(tmp_path, scene)


def test_records_losses_and_failure_are_metrics(tmp_path: Path) -> None:
    async def run() -> None:
        metrics, disk = unread(), Disk()
        logger = Logger(Output(io.StringIO(), now=SystemClock().now))
        with fault.hooked(disk):
            stream = AuditStream(AuditFile(tmp_path, NOW), SystemClock(), logger, metrics)
            stream.record("a")
            disk.full = True
            await stream.write()
            found = told(metrics)
            assert found["finial_audit_records_total"] == 1
            assert found["finial_audit_failing"] == 1
            await stream.close()

    asyncio.run(run())
