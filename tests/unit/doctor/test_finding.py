from __future__ import annotations

from finial.doctor.finding import Finding, Result, failed, told

GOOD = Finding("memfd", Result.OK, "can be made", "keys")
BAD = Finding("open files", Result.FAIL, "at most 10", "sockets", "ulimit -n 1024")


def test_only_a_failure_fails() -> None:
    assert failed([GOOD, BAD])
    assert not failed([GOOD, Finding("Yama", Result.WARN, "0", "keys")])


def test_a_person_reads_why_and_what_to_do_where_something_is_wrong() -> None:
    assert told([GOOD, BAD]).splitlines() == [
        "ok    memfd       can be made",
        "FAIL  open files  at most 10",
        "      why: sockets",
        "      next: ulimit -n 1024",
    ]


def test_a_program_reads_all_of_it() -> None:
    assert BAD.record() == {
        "what": "open files",
        "result": "fail",
        "seen": "at most 10",
        "why": "sockets",
        "next_step": "ulimit -n 1024",
    }
