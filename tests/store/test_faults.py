"""Every write is killed at each of its fault points, and then is there in full or not at all.

A child process does it, since SIGKILL is real: it forks for each point, on a copy of a database to which
acknowledged writes were made before. What is left must be the state before or the state after; once the
commit is done, the state after.
"""

from __future__ import annotations

import ast
import asyncio
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

import pytest
from tests.store.writes import OPERATIONS, STARTS_EMPTY, prepare

import finial.store
from finial.runtime import fault
from finial.runtime.clock import SystemClock
from finial.store import Store, schema
from finial.store.fault import STAGES

ROOT = Path(__file__).parents[2]

# --- in the child process


def forked(path: Path, work: Callable[[Store], Awaitable[object]], setting: str = "") -> int:
    """The wait status of a process that did the work, with the fault armed."""
    pid = os.fork()
    if pid == 0:
        fault._hook = fault.killer(setting) if setting else None
        asyncio.run(use(path, work))
        os._exit(0)
    return os.waitpid(pid, 0)[1]


async def use(path: Path, work: Callable[[Store], Awaitable[object]]) -> None:
    store = await Store.open(path, clock=SystemClock(), memory=path.with_suffix(".memory"), poll_period=None)
    try:
        await work(store)
    finally:
        await store.close()


def dump(path: Path) -> list[object]:
    """All rows without times and random values; nothing of a database that has no tables."""
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master ORDER BY name")]
        rows: list[object] = list(names)
        for table in schema.TABLES if "migrations" in names else ():
            columns = ", ".join(name for name in table.names if not name.endswith("ted_at"))
            found = connection.execute(f"SELECT {columns} FROM {table.name} ORDER BY {columns}").fetchall()
            rows.append([table.name, repr(found)])
        if "finial_changes" in names:
            rows.append(
                repr(connection.execute("SELECT id, kind, key FROM finial_changes ORDER BY id").fetchall())
            )
            rows.append(
                repr(connection.execute("SELECT value FROM finial_state WHERE name = 'floor'").fetchall())
            )
        return rows
    finally:
        connection.close()


def kill_everywhere(folder: Path, name: str) -> dict[str, str]:
    """Fault point -> which state was left: before, after or other."""
    template, work = folder / "template", OPERATIONS[name]
    if name not in STARTS_EMPTY:
        assert forked(template, prepare) == 0
    else:
        template.touch()

    def trial(setting: str) -> tuple[int, list[object]]:
        path = folder / (setting or "none")
        shutil.copy(template, path)
        if template.with_suffix(".memory").exists():
            shutil.copy(template.with_suffix(".memory"), path.with_suffix(".memory"))
        return forked(path, work, setting), dump(path)

    before = dump(template)
    status, after = trial("")
    assert status == 0
    left = {}
    for stage in STAGES:
        for nth in count(1):
            setting = f"{name}.{stage}:{nth}"
            status, state = trial(setting)
            if status != signal.SIGKILL:
                break
            left[setting] = "after" if state == after else "before" if state == before else "other"
    return left


# --- in the test


def names_of_writes() -> set[str]:
    """First arguments of all calls of `write` and `_write` in the package: each must be a literal."""
    found = set()
    for path in Path(finial.store.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr not in ("write", "_write"):
                continue
            if isinstance(node.args[0], ast.Constant):
                found.add(str(node.args[0].value))
            else:
                assert ast.unparse(node) == "self._engine.write(name, committed)", ast.unparse(node)
    return found


def test_every_write_has_a_name_and_is_killed_here() -> None:
    assert names_of_writes() == set(OPERATIONS)


OPENS_CONNECTIONS = {"hand_back.py", "listen.py", "postgres_connection.py", "postgres_pool.py"}


def test_nothing_writes_past_the_engine() -> None:
    """Only it and the code that opens connections may execute statements."""
    for path in Path(finial.store.__file__).parent.glob("*.py"):
        if not path.name.startswith("engine") and path.name not in OPENS_CONNECTIONS:
            assert ".execute" not in path.read_text(), path.name


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_a_killed_write_is_there_in_full_or_not_at_all(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.test_faults", str(tmp_path), name],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    left = json.loads(done.stdout)
    assert f"{name}.statement:1" in left or name == "schema.prepare", "the operation wrote nothing"
    assert "other" not in left.values(), left
    for setting, state in left.items():
        stage = setting.removeprefix(f"{name}.").partition(":")[0]
        if not name.startswith("lineage."):  # whose rows are random and not compared
            assert state == ("after" if stage == "committed" else "before"), setting


if __name__ == "__main__":
    print(json.dumps(kill_everywhere(Path(sys.argv[1]), sys.argv[2])))
