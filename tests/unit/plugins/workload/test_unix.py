"""What is told about real processes."""

from __future__ import annotations

import asyncio
import grp
import hashlib
import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from finial.errors import Unavailable
from finial.plugins.workload import unix
from finial.plugins.workload.unix import Config, DigestCache, MustWait, Names, UnixAttestor


@dataclass(frozen=True)
class Process:
    pid: int
    uid: int = 0
    gid: int = 0

    def check(self) -> None:
        return


def selectors(pid: int, **options: object) -> list[str]:
    attestor = UnixAttestor(Config(**options))  # type: ignore[arg-type]
    return [str(one) for one in asyncio.run(attestor.attest(Process(pid)))]


def test_ids_names_and_groups_of_this_process() -> None:
    found = selectors(os.getpid())
    assert f"unix:uid:{os.geteuid()}" in found
    assert f"unix:user:{pwd.getpwuid(os.geteuid()).pw_name}" in found
    assert f"unix:gid:{os.getegid()}" in found
    assert f"unix:group:{grp.getgrgid(os.getegid()).gr_name}" in found
    for gid in os.getgroups():
        assert f"unix:supplementary_gid:{gid}" in found
    assert not any(one.startswith(("unix:path", "unix:sha256")) for one in found)


def test_path_and_digest_of_the_program_when_asked() -> None:
    found = selectors(os.getpid(), discover_workload_path=True)
    program = os.readlink("/proc/self/exe")
    assert f"unix:path:{program}" in found
    assert f"unix:sha256:{hashlib.sha256(Path(program).read_bytes()).hexdigest()}" in found


def test_a_negative_size_limit_leaves_the_digest_out() -> None:
    found = selectors(os.getpid(), discover_workload_path=True, workload_size_limit=-1)
    assert any(one.startswith("unix:path:") for one in found)
    assert not any(one.startswith("unix:sha256:") for one in found)


def test_a_program_above_the_size_limit_is_not_attested() -> None:
    with pytest.raises(Unavailable, match="exceeds size limit"):
        selectors(os.getpid(), discover_workload_path=True, workload_size_limit=10)


def test_a_process_that_ended_is_not_attested() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with pytest.raises(Unavailable, match="no such"):
        selectors(ended.pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_the_effective_ids_count_and_unknown_ids_have_no_name() -> None:
    code = "import os; os.setegid(54321); os.seteuid(54321); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = selectors(child.pid)
        child.kill()
    assert "unix:uid:54321" in found
    assert "unix:gid:54321" in found
    assert not any(one.startswith(("unix:user:", "unix:group:")) for one in found)


def test_a_changed_file_has_a_new_digest_though_its_times_are_set_back(tmp_path: Path) -> None:
    program = tmp_path / "program"
    cache = DigestCache()
    program.write_bytes(b"one")
    before = program.stat()
    assert cache.of(str(program)) == hashlib.sha256(b"one").hexdigest()
    program.write_bytes(b"two")
    os.utime(program, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cache.of(str(program)) == hashlib.sha256(b"two").hexdigest()


def test_the_cache_is_bounded_and_answers_without_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = DigestCache(size=2)
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_text(path.name)
        cache.of(str(path))
    monkeypatch.setattr(hashlib, "file_digest", None)
    cache.of(str(paths[2]))
    with pytest.raises(TypeError):
        cache.of(str(paths[0]))


def test_a_name_is_looked_up_by_who_can_wait_and_then_known_to_all() -> None:
    asked: list[int] = []

    def look_up(number: int) -> str:
        asked.append(number)
        return f"user{number}"

    names = Names(look_up)
    with pytest.raises(MustWait):
        names.of(7, wait=False)
    assert [names.of(7, wait=True), names.of(7, wait=False)] == ["user7", "user7"]
    assert asked == [7]


def test_that_the_host_has_no_name_is_known_too() -> None:
    def look_up(number: int) -> str:
        raise KeyError(number)

    names = Names(look_up)
    assert names.of(7, wait=True) is None
    assert names.of(7, wait=False) is None


def test_a_name_is_looked_up_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unix, "NAME_HOLDS", 0.0)
    found = iter(["before", "after"])
    names = Names(lambda _: next(found))
    assert [names.of(7, wait=True), names.of(7, wait=True)] == ["before", "after"]
    with pytest.raises(MustWait):
        names.of(7, wait=False)


def test_who_is_known_is_attested_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        attestor, process = UnixAttestor(Config()), Process(os.getpid())
        first = await attestor.attest(process)
        monkeypatch.setattr(asyncio, "to_thread", None)
        assert await attestor.attest(process) == first

    asyncio.run(main())
