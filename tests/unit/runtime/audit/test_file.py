"""What stands in the folder: after an append, a full disk, a crash, a second writer, and somebody who was at it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from finial.errors import FailedPrecondition, InvalidArgument
from finial.runtime import fault
from finial.runtime.audit.file import AuditFile
from finial.runtime.audit.layout import HEAD, VERIFICATION_KEY, Head, decode_key, files_in
from finial.runtime.audit.query import records
from finial.runtime.audit.verify import Verdict, verify

NOW = "2026-01-01T00:00:00Z"


def checked(folder: Path) -> Verdict:
    head = Head.decode((folder / HEAD).read_bytes())
    return verify(files_in(folder), head, decode_key((folder / VERIFICATION_KEY).read_bytes()))


def whats(folder: Path) -> list[str]:
    return [one.what for one in records(files_in(folder))]


def written(folder: Path, *names: str, seal: bool = True, limit: int = 1 << 20) -> None:
    file = AuditFile(folder, NOW, size_limit=limit)
    file.append([{"what": name} for name in names], NOW)
    if seal:
        file.seal(NOW)
    file.close()


def test_a_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    written(folder, "a", "b")
    written(folder, "c", seal=False)
    written(folder, "d")
    assert whats(folder) == [
        *("audit/opened", "a", "b", "audit/sealed"),
        *("audit/opened", "c", "audit/opened", "d", "audit/sealed"),
    ]
    assert checked(folder) == Verdict("", 1, 9, 2, 0)


def test_folder_and_files_are_for_their_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    written(folder, "a")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {one.name for one in folder.iterdir()} == {"audit-000001.jsonl", HEAD, VERIFICATION_KEY}
    assert {one.stat().st_mode & 0o777 for one in folder.iterdir()} == {0o600}


def test_the_next_file_begins_with_the_end_of_the_one_before(tmp_path: Path) -> None:
    file = AuditFile(tmp_path, NOW, size_limit=400)
    for number in range(6):
        file.append([{"what": f"w{number}"}], NOW)
    file.seal(NOW)
    file.close()
    first, second, *_ = files_in(tmp_path)
    (opened, *_) = records([second])
    *_, last = records([first])
    assert opened.fields["previous"] == last.digest.hex()
    assert checked(tmp_path).broken == ""
    assert verify(files_in(tmp_path)[1:]).broken == ""
    written(tmp_path, "later")
    assert checked(tmp_path).broken == ""


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    file = AuditFile(tmp_path, NOW)
    with pytest.raises(FailedPrecondition, match="written by another process"):
        AuditFile(tmp_path, NOW)
    file.close()
    AuditFile(tmp_path, NOW).close()


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidArgument, match=r"audit log .*: (not a directory|file exists)"):
        AuditFile(tmp_path / "file", NOW)


def test_a_full_disk_leaves_nothing_of_the_batch_and_the_log_goes_on(tmp_path: Path) -> None:
    file = AuditFile(tmp_path, NOW)

    def full(name: str) -> None:
        if name == "audit.written":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with fault.hooked(full), pytest.raises(OSError, match="No space"):
        file.append([{"what": "lost"}], NOW)
    file.append([{"what": "kept"}], NOW)
    file.seal(NOW)
    file.close()
    assert whats(tmp_path) == ["audit/opened", "kept", "audit/sealed"]
    assert checked(tmp_path).broken == ""


def test_a_head_that_could_not_be_replaced_is_caught_up_with(tmp_path: Path) -> None:
    file = AuditFile(tmp_path, NOW)
    file.seal(NOW)

    def full(name: str) -> None:
        if name == f"{HEAD}.written":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with fault.hooked(full), pytest.raises(OSError, match="No space"):
        file.seal(NOW)
    assert checked(tmp_path).seals == 2
    file.close()
    written(tmp_path, "a")
    assert checked(tmp_path) == Verdict("", 1, 6, 3, 0)


def test_a_record_that_a_crash_cut_off_is_dropped(tmp_path: Path) -> None:
    written(tmp_path, "a")
    (path,) = files_in(tmp_path)
    with path.open("ab") as file:
        file.write(b'{"n":4,"what":"half')
    assert checked(tmp_path).notes == (
        "audit-000001.jsonl: the last line was cut off, by a crash or a full disk",
    )
    written(tmp_path, "b")
    assert checked(tmp_path) == Verdict("", 1, 6, 2, 0)


@pytest.mark.parametrize("gone", ["the end", "the file", "a byte"])
def test_who_was_at_the_end_stays_found_out(tmp_path: Path, gone: str) -> None:
    written(tmp_path, "a", "b")
    written(tmp_path, "c", seal=False)
    (path,) = files_in(tmp_path)
    data = path.read_bytes()
    if gone == "the end":
        path.write_bytes(b"".join(data.splitlines(keepends=True)[:2]))
    elif gone == "the file":
        path.unlink()
    else:
        path.write_bytes(data.replace(b'"what":"c"', b'"what":"d"'))
    assert checked(tmp_path).broken
    file = AuditFile(tmp_path, NOW)
    assert file.broken
    file.append([{"what": "later"}], NOW)
    file.seal(NOW)
    file.close()
    assert whats(tmp_path)[-3:] == ["audit/opened", "later", "audit/sealed"]
    assert checked(tmp_path).broken


def test_a_log_without_its_head_is_not_gone_on_with(tmp_path: Path) -> None:
    written(tmp_path, "a")
    (tmp_path / HEAD).unlink()
    with pytest.raises(FailedPrecondition, match=r"head.json is gone"):
        AuditFile(tmp_path, NOW)


@pytest.mark.parametrize(
    "point", ["verification.key.written", "verification.key.done", "head.json.written", "head.json.done"]
)
def test_a_beginning_that_was_cut_off_is_begun_again(tmp_path: Path, point: str) -> None:
    class Died(BaseException): ...

    def die(name: str) -> None:
        if name == point:
            raise Died

    with fault.hooked(die), pytest.raises(Died):
        AuditFile(tmp_path, NOW)
    written(tmp_path, "a")
    assert checked(tmp_path).broken == ""
