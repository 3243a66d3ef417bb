from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from finial.doctor.finding import Finding, Result
from finial.doctor.laptop import examine, unprotected

DAY = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Told:
    """Implements `doctor.machine.Machine` on values; a machine where all is well."""

    name: str = "linux"
    pins: bool = True
    scope: int | None = 1
    memfd: bool = True
    files: int = 1024
    taken: frozenset[int] = frozenset()
    time: datetime = DAY
    preload: str = ""

    def system(self) -> tuple[str, str]:
        return self.name, "6.12"

    def pins_peers(self) -> bool:
        return self.pins

    def ptrace_scope(self) -> int | None:
        return self.scope

    def has_memfd(self) -> bool:
        return self.memfd

    def open_files(self) -> int:
        return self.files

    def is_free(self, port: int) -> bool:
        return port not in self.taken

    def now(self) -> datetime:
        return self.time

    def installed(self) -> datetime:
        return DAY

    def variable(self, name: str) -> str:
        return self.preload if name == "LD_PRELOAD" else ""


def findings(machine: Told, path: str = "/run/a.sock") -> dict[str, Finding]:
    return {one.what: one for one in examine(machine, Path(path), {"server": 8081})}


def test_all_is_well() -> None:
    found = findings(Told())
    assert {one.result for one in found.values()} == {Result.OK}
    assert list(found) == [
        "platform", "pidfd of callers", "Yama", "memfd", "open files", "socket path", "clock", "port of server",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("machine", "what", "result", "seen"),
    [
        (Told(name="freebsd14"), "platform", Result.FAIL, "freebsd14 6.12"),
        (Told(files=1023), "open files", Result.WARN, "at most 1023"),
        (Told(files=255), "open files", Result.FAIL, "at most 255"),
        (Told(taken=frozenset({8081})), "port of server", Result.WARN, "8081 is taken"),
        (Told(preload="/usr/lib/libfaketime.so.1"), "clock", Result.WARN, "libfaketime is loaded"),
        (
            replace(Told(), time=datetime(1970, 1, 1, tzinfo=UTC)),
            "clock",
            Result.FAIL,
            "1970-01-01 00:00 UTC is before these programs were installed",
        ),
    ],
)
def test_one_thing_is_wrong(machine: Told, what: str, result: Result, seen: str) -> None:
    found = findings(machine)
    assert (found[what].result, found[what].seen) == (result, seen)
    assert found[what].why and found[what].next_step
    assert {one.result for name, one in found.items() if name != what} == {Result.OK}


@pytest.mark.parametrize(("size", "result"), [(107, Result.OK), (108, Result.FAIL)])
def test_the_longest_path_of_a_socket(size: int, result: Result) -> None:
    assert findings(Told(), "/" + "a" * (size - 1))["socket path"].result is result


def test_what_a_running_trust_domain_lacks_is_said_in_a_sentence_each() -> None:
    assert list(unprotected(Told(scope=0, taken=frozenset({8081})))) == []
    (pinned,) = unprotected(Told(pins=False))
    assert pinned.startswith("pidfd of callers: callers are known by their number: without SO_PEERPIDFD")
    assert [one.partition(":")[0] for one in unprotected(Told(name="darwin"))] == [
        "platform", "digests", "memory",
    ]  # fmt: skip


def test_a_port_of_the_trust_domain_that_runs_here_is_no_ones_to_end() -> None:
    [found] = [
        one
        for one in examine(Told(taken=frozenset({8081})), Path("/run/x"), {"server": 8081}, {8081})
        if one.what == "port of server"
    ]
    assert (found.result, found.seen) == (Result.OK, "8081 is taken by the trust domain that runs here")
