"""Facts by number, of this process and of lines that a process tries to shape."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from finial.runtime import process
from finial.runtime.process import linux

assert sys.platform == "linux", "tests of the Linux side"

STATUS = b"Name:\tx\\nUid:\t0\t0\t0\t0\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10 \n"
DUMPABLE = """
import ctypes
from finial.runtime.process import hide
libc = ctypes.CDLL(None)
before = libc.prctl(3, 0, 0, 0, 0)
hide()
print(before, libc.prctl(3, 0, 0, 0, 0))
"""


def test_this_process() -> None:
    me = os.getpid()
    assert process.ids(me) == (os.geteuid(), os.getegid(), tuple(sorted(os.getgroups())))
    assert process.path(me) == os.path.realpath(sys.executable)
    assert os.path.samefile(process.image(me), sys.executable)
    assert process.start_time(me) == linux.stat(me)[0] > 0


@pytest.mark.parametrize("ask", [process.ids, process.path, process.start_time])
def test_a_process_that_ended_is_missing(ask: object) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert callable(ask)
    with pytest.raises((FileNotFoundError, ProcessLookupError)):
        ask(ended.pid)


def test_a_program_that_was_deleted_still_opens(tmp_path: os.PathLike[str]) -> None:
    program = os.path.join(tmp_path, "sleep")
    with open("/bin/sleep", "rb") as source, open(program, "wb") as copy:
        copy.write(source.read())
    os.chmod(program, 0o700)
    with subprocess.Popen([program, "60"]) as child:
        os.unlink(program)
        assert process.path(child.pid) == f"{program} (deleted)"
        assert os.path.getsize(process.image(child.pid)) == os.path.getsize("/bin/sleep")
        child.kill()


def test_ids_are_the_effective_ones_and_a_name_adds_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "_read", lambda _: STATUS)
    assert process.ids(1) == (2, 6, (9, 10))


def test_name_with_spaces_and_parentheses_is_stepped_over(monkeypatch: pytest.MonkeyPatch) -> None:
    line = b"7 (a) b (c) S " + b" ".join(b"%d" % number for number in range(4, 53))
    monkeypatch.setattr(linux, "_read", lambda _: line)
    assert linux.stat(7) == (22, 28)


@pytest.mark.slow
def test_hiding_makes_a_process_not_dumpable() -> None:
    done = subprocess.run([sys.executable, "-c", DUMPABLE], capture_output=True, text=True, check=True)
    assert done.stdout == "1 0\n"
