"""Lines as logrus 1.9.4 writes them; expected texts were printed by it."""

from __future__ import annotations

import io
import json
import logging
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import cast

import pytest

from finial.errors import InvalidArgument
from finial.runtime.log import FieldValue, Format, Level, Logger, Output, StandardLibraryBridge

NOON = datetime(2026, 7, 1, 12, 0, 0, 250000, UTC)


class Written:
    """A logger and what it wrote."""

    def __init__(
        self,
        level: Level = Level.INFO,
        format: Format = Format.DEFAULT,
        source_location: bool = False,
        strict: bool = True,
        now: datetime = NOON,
    ) -> None:
        self.stream = io.StringIO()
        output = Output(
            self.stream,
            now=lambda: now,
            level=level,
            format=format,
            source_location=source_location,
            strict=strict,
        )
        self.log = Logger(output)

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


def test_text_has_fields_sorted_by_name() -> None:
    written = Written()
    written.log.info("X509 CA prepared", slot="A", self_signed=True, upstream_authority_id="", count=1)
    assert written.lines == [
        'time="2026-07-01T12:00:00Z" level=info msg="X509 CA prepared" '
        "count=1 self_signed=true slot=A upstream_authority_id="
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x y", '"x y"'),
        ("@/.-_^+", "@/.-_^+"),
        ("a=b", '"a=b"'),
        ("", ""),
        ("é", '"é"'),
        ('a "b"\n\t\x01é😀\u200b<&>', r'"a \"b\"\n\t\x01é😀\u200b<&>"'),
        ("\x7f", r'"\x7f"'),
        (None, '"<nil>"'),
        (False, "false"),
        (1.5, "1.5"),
        (["a", "b"], '"[a b]"'),
        ([], '"[]"'),
        (ValueError("no"), "no"),
        (datetime(1970, 1, 1, tzinfo=UTC), '"1970-01-01 00:00:00 +0000 UTC"'),
        (datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), '"1970-01-01 00:00:00 +0000 UTC"'),
    ],
)
def test_text_quotes_what_logrus_quotes(value: FieldValue, text: str) -> None:
    written = Written()
    written.log.info("m", a=value)
    assert written.stream.getvalue() == f'time="2026-07-01T12:00:00Z" level=info msg=m a={text}\n'


def test_json_is_one_object_a_line() -> None:
    written = Written(format=Format.JSON)
    written.log.error(
        "a <b>", z=None, list=["a"], yes=True, time="t", error=OSError("x"), at=NOON, text="\u2028é"
    )
    [line] = written.lines
    assert line == (
        '{"at":"2026-07-01T12:00:00.25Z","error":"x","fields.time":"t","level":"error","list":["a"],'
        '"msg":"a \\u003cb\\u003e","text":"\\u2028é","time":"2026-07-01T12:00:00.25Z","yes":true,"z":null}'
    )
    assert json.loads(line)["msg"] == "a <b>"


def test_explicit_text_format_has_fractions_of_a_second() -> None:
    written = Written(format=Format.TEXT)
    written.log.info("m")
    assert written.lines == ['time="2026-07-01T12:00:00.25Z" level=info msg=m']


def test_time_is_utc_whatever_the_clock_says() -> None:
    written = Written(now=NOON.astimezone(timezone(timedelta(hours=5))))
    written.log.info("m")
    assert written.lines == ['time="2026-07-01T12:00:00Z" level=info msg=m']


def test_an_empty_message_and_reserved_names_read_as_logrus_writes_them() -> None:
    written = Written()
    written.log.info("", level="q", msg="m")
    assert written.lines == ['time="2026-07-01T12:00:00Z" level=info fields.level=q fields.msg=m']


def test_fields_add_up_and_the_call_wins() -> None:
    written = Written()
    child = written.log.with_fields(a="1", b="1").subsystem("ca_manager")
    child.info("m", b="2")
    written.log.info("m")
    assert [line.partition("msg=m")[2] for line in written.lines] == [
        " a=1 b=2 subsystem_name=ca_manager",
        "",
    ]


def test_level_says_what_is_written_and_can_change() -> None:
    written = Written(level=Level.WARNING)
    for log in (written.log, written.log.subsystem("x")):
        log.error("e")
        log.warning("w")
        log.info("i")
    written.log.output.level = Level.TRACE
    written.log.debug("d")
    written.log.trace("t")
    assert [line.split("level=")[1][:7] for line in written.lines] == [
        "error m",
        "warning",
        "error m",
        "warning",
        "debug m",
        "trace m",
    ]
    assert written.log.output.launch_level is Level.WARNING
    assert written.log.enabled(Level.TRACE)


@pytest.mark.parametrize("level", list(Level))
def test_levels_have_the_names_of_logrus(level: Level) -> None:
    assert Level.parse(str(level)) is level
    assert Level.parse(level.name) is level


def test_refuses_unknown_levels_and_formats_in_the_words_of_spire() -> None:
    assert Level.parse("Warn") is Level.WARNING
    assert Format.parse("JSON") is Format.JSON
    assert Format.parse("") is Format.DEFAULT
    with pytest.raises(InvalidArgument, match=r'^not a valid logrus Level: "nope"$'):
        Level.parse("nope")
    with pytest.raises(InvalidArgument, match=r'^unknown logger format: "nope"$'):
        Format.parse("nope")


def test_source_location_names_who_logged() -> None:
    written = Written(source_location=True)
    written.log.info("m")
    assert 'file="test_log.py:' in written.lines[0]
    assert "test_log.test_source_location_names_who_logged" in written.lines[0]


@pytest.mark.parametrize("name", ["token", "join_token", "key", "private_key", "password"])
def test_strict_refuses_fields_that_may_hold_a_secret(name: str) -> None:
    written = Written()
    with pytest.raises(ValueError, match="secret"):
        written.log.info("m", **{name: "s3cret"})
    with pytest.raises(ValueError, match="secret"):
        written.log.with_fields(**{name: "s3cret"})
    assert not written.lines


def test_otherwise_secrets_and_bytes_are_withheld() -> None:
    written = Written(strict=False)
    written.log.with_fields(token="s3cret").info("m", raw=cast(str, b"s3cret"), key_id="A")
    assert written.lines[0].endswith('key_id=A raw="<withheld>" token="<withheld>"')


def test_a_line_that_cannot_be_written_is_counted_and_hurts_nobody() -> None:
    written = Written()
    written.stream.close()
    written.log.info("m")
    assert written.log.output.dropped == 1


def test_a_file_is_appended_to_and_reopened_after_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_text("before\n")
    output = Output.open(str(path), now=lambda: NOON)
    log = Logger(output)
    log.info("one")
    path.rename(tmp_path / "old.log")
    log.info("two")
    output.reopen()
    log.info("three")
    assert [line[-3:] for line in (tmp_path / "old.log").read_text().splitlines()] == ["ore", "one", "two"]
    assert path.read_text().endswith("msg=three\n")
    assert path.stat().st_mode & 0o777 & ~0o640 == 0
    output.close()


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "server.log"
    with pytest.raises(InvalidArgument) as caught:
        Output.open(str(path), now=lambda: NOON)
    assert str(caught.value) == f"open {path}: no such file or directory"


def test_a_failed_reopen_keeps_the_old_file(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    output = Output.open(str(folder / "a.log"), now=lambda: NOON)
    folder.rename(tmp_path / "moved")
    with pytest.raises(InvalidArgument):
        output.reopen()
    Logger(output).info("still")
    Logger(output).reopen()
    still, failed = (tmp_path / "moved" / "a.log").read_text().splitlines()
    assert "still" in still
    assert "Failed to rotate log after signal" in failed
    assert "no such file or directory" in failed
    output.close()


def test_stdout_has_nothing_to_reopen(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output.open("", now=lambda: NOON)
    output.reopen()
    Logger(output).info("m")
    assert capsys.readouterr().out.endswith("msg=m\n")


def test_lines_of_threads_do_not_mix() -> None:
    written = Written()

    def write() -> None:
        for _ in range(50):
            written.log.info("m", a="x" * 200)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written.lines) == 200
    assert len(set(written.lines)) == 1


def test_records_of_the_standard_library_are_carried_over() -> None:
    written = Written()
    record = logging.LogRecord("asyncio", logging.ERROR, "x.py", 1, "task %s failed", ("t",), None)
    record.exc_info = (ValueError, ValueError("no"), None)
    bridge = StandardLibraryBridge(written.log)
    bridge.handle(record)
    bridge.handle(logging.LogRecord("h2", logging.WARNING, "x.py", 1, "odd", (), None))
    assert [line.partition("level=")[2] for line in written.lines] == [
        'error msg="task t failed" error=no library=asyncio',
        "warning msg=odd library=h2",
    ]


def test_records_of_a_batch_leave_in_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    written = Written()
    writes: list[str] = []
    monkeypatch.setattr(written.stream, "write", writes.append)
    written.log.with_fields(a="x").info_each("m", [{"b": 1}, {"a": "y", "b": 2}])
    assert writes == [
        'time="2026-07-01T12:00:00Z" level=info msg=m a=x b=1\n'
        'time="2026-07-01T12:00:00Z" level=info msg=m a=y b=2\n'
    ]


def test_a_batch_below_the_level_or_without_records_writes_nothing() -> None:
    quiet, empty = Written(level=Level.WARNING), Written()
    quiet.log.info_each("m", [{"a": 1}])
    empty.log.info_each("m", [])
    assert (quiet.lines, empty.lines) == ([], [])


def test_a_batch_withholds_secrets_and_names_who_logged() -> None:
    written = Written(source_location=True, strict=False)
    written.log.info_each("m", [{"token": "abc"}])
    assert "token=<withheld>" in written.lines[0].replace('"', "")
    assert "test_a_batch_withholds_secrets" in written.lines[0]
