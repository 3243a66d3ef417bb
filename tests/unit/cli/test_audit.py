from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from finial.cli.audit import moment
from finial.errors import InvalidArgument
from finial.runtime.audit import HEAD, VERIFICATION_KEY, AuditFile, files_in
from finial.testing.transcripts import Outcome

Call = Callable[..., Outcome]
NOW = "2026-01-01T00:00:00Z"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "audit"
    file = AuditFile(folder, NOW)
    common = {"time": NOW, "who": "uid 0", "as": "local"}
    created = common | {"what": "Entry/BatchCreateEntry", "result": "ok", "about": {"entry_id": "e1"}}
    refused = common | {"what": "Agent/BanAgent", "result": "NotFound", "why": "agent not found", "about": {}}
    file.append([created, refused], NOW)
    file.seal(NOW)
    file.close()
    return folder


def test_records_are_shown_a_line_each(call: Call, log: Path) -> None:
    done = call("audit", "show", str(log))
    assert done.exit == 0
    opened, created, refused, sealed = done.out.splitlines()
    assert "audit/opened" in opened
    assert created.split() == ["2", NOW, "ok", "Entry/BatchCreateEntry", "uid", "0", "entry_id=e1"]
    assert '"agent not found"' in refused
    assert "seal=0" in sealed


def test_only_what_is_asked_for_is_shown(call: Call, log: Path) -> None:
    done = call("audit", "show", "-entryID", "e1", "-output", "json", str(log))
    assert json.loads(done.out)["what"] == "Entry/BatchCreateEntry"
    assert call("audit", "show", "-since", "2026-01-02T00:00:00Z", str(log)).out == ""
    assert len(call("audit", "show", "-result", "notfound", str(log)).out.splitlines()) == 1


def test_a_log_that_was_let_alone_is_good(call: Call, log: Path) -> None:
    done = call("audit", "verify", str(log))
    assert done.exit == 0
    assert "records 1 to 4 are as they were written" in done.out
    assert "judged by the key" in done.out


def test_the_first_broken_record_is_named_and_the_exit_code_is_1(call: Call, log: Path) -> None:
    (path,) = files_in(log)
    path.write_bytes(path.read_bytes().replace(b"NotFound", b"ok______"))
    done = call("audit", "verify", "-output", "json", str(log))
    assert done.exit == 1
    told = json.loads(done.out)
    assert told["broken"].startswith("audit-000001.jsonl, line 3: record 3:")
    assert not told["good"]


def test_a_cut_off_end_is_found_and_so_is_a_head_that_was_taken_away(call: Call, log: Path) -> None:
    (path,) = files_in(log)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    assert call("audit", "verify", str(log)).exit == 1
    alone = call("audit", "verify", str(path))
    assert alone.exit == 0
    assert "end: not judged" in alone.out
    (log / HEAD).unlink()
    done = call("audit", "verify", str(log))
    assert done.exit == 1
    assert "head.json is missing" in done.err


def test_the_key_may_be_kept_elsewhere(call: Call, log: Path, tmp_path: Path) -> None:
    key = (log / VERIFICATION_KEY).rename(tmp_path / "key")
    assert "not judged: the verification key" in call("audit", "verify", str(log)).out
    assert "judged by the key" in call("audit", "verify", "-key", str(key), str(log)).out
    key.write_text("00" * 32)
    done = call("audit", "verify", "-key", str(key), str(log))
    assert done.exit == 1
    assert "seal 0 is not by the key" in done.out


@pytest.mark.parametrize("words", [["show"], ["verify"], ["show", "nope"], ["verify", "-key", "nope", "."]])
def test_what_cannot_be_read_is_told(call: Call, words: list[str]) -> None:
    assert call("audit", *words).exit == 1


def test_a_moment_is_a_time_or_a_while_ago() -> None:
    assert moment("", 100) == 0
    assert moment("40s", 100) == 60
    assert moment("1970-01-01T00:01:00Z", 100) == 60
    for text in ("yesterday", "2026-01-01T00:00:00"):
        with pytest.raises(InvalidArgument):
            moment(text, 100)
