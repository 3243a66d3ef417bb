"""A server's log as its file has it; what it holds: tests/playbooks/test_server_audit.py."""

from __future__ import annotations

import asyncio
import io
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from finial.authority.slots import Kind
from finial.runtime.audit import HEAD, AuditStream, files_in, records
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output
from finial.server.audit import AuthorityAudit, open_audit
from finial.testing.metrics import unread
from finial.testing.server import config_of


def told(folder: Path, options: str) -> str:
    """What the log says of an audit log that was opened and closed."""

    async def run() -> str:
        text, clock = io.StringIO(), SystemClock()
        log = Logger(Output(text, now=clock.now, strict=True))
        async with AsyncExitStack() as stack:
            found = await open_audit(config_of(folder, options).server, clock, log, unread(), stack)
            assert (found is None) == (not options)
            act(found)
        return text.getvalue()

    return asyncio.run(run())


def act(stream: AuditStream | None) -> None:
    AuthorityAudit(stream).tainted(Kind.X509, "abc")
    AuthorityAudit(stream).revoked(Kind.JWT, "def")


def test_without_the_block_there_is_no_log(tmp_path: Path) -> None:
    assert told(tmp_path, "") == ""
    assert not (tmp_path / "data").exists()


def test_a_log_is_begun_gone_on_with_and_closed_and_says_what_happens_to_authorities(tmp_path: Path) -> None:
    assert "Audit log is begun" in told(tmp_path, "audit {}")
    assert "Audit log is begun" not in told(tmp_path, "audit {}")
    found = list(records(files_in(tmp_path / "data" / "audit")))
    life = ["audit/opened", "authority/tainted", "authority/revoked", "audit/closed", "audit/sealed"]
    assert [one.what for one in found] == life * 2
    assert found[1].fields["about"] == {"kind": "X509", "authority_id": "abc"}
    assert found[1].fields["who"] == "server"


def test_a_log_that_somebody_was_at_is_told_of(tmp_path: Path) -> None:
    told(tmp_path, "audit {}")
    (path,) = files_in(tmp_path / "data" / "audit")
    path.write_bytes(b"")
    assert "Audit log was changed by somebody else" in told(tmp_path, "audit {}")
    assert (tmp_path / "data" / "audit" / HEAD).exists()


@pytest.mark.parametrize("kind", list(Kind))
def test_without_a_stream_nothing_happens(kind: Kind) -> None:
    AuthorityAudit(None).tainted(kind, "x")
