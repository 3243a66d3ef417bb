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
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

import finial.store
from finial.authority.journal import Journal
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.registry.federation import HTTPS_WEB, FederationRelationship
from finial.registry.join_token import JoinToken
from finial.runtime import fault
from finial.runtime.clock import SystemClock
from finial.spiffe.bundle import Bundle, JwtAuthority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store import DeleteMode, Store, migrate, schema
from finial.store.fault import STAGES

OWN, PARTNER, NEW = TrustDomain("example.org"), TrustDomain("partner.test"), TrustDomain("new.test")
NODE, OTHER = SpiffeId(OWN, "/spire/agent/join_token/t"), SpiffeId(OWN, "/spire/agent/x/other")
AGENT = Agent(NODE, "join_token", "11", 1000, can_reattest=True, selectors=(Selector("a", "1"),))
ENTRY = Entry("e", SpiffeId(OWN, "/e"), NODE, (Selector("a", "1"), Selector("b", "2")), dns_names=("d",))
ALIAS = Entry("alias", SpiffeId(OWN, "/alias"), NODE, (Selector("spiffe_id", str(NODE)),))
WEB = FederationRelationship(PARTNER, "https://partner.test/", HTTPS_WEB)
KEY = JwtAuthority("one", b"key", 4102444800)

OPERATIONS: dict[str, Callable[[Store], Awaitable[object]]] = {
    "entries.create": lambda store: store.create_entries(
        [
            replace(ENTRY, id=f"n{one}", spiffe_id=SpiffeId(OWN, f"/n{one}"), federates_with=(PARTNER,))
            for one in "xyz"
        ]
    ),
    "entries.update": lambda store: store.update_entries(
        [("e", lambda one: replace(one, selectors=(Selector("c", "3"),), federates_with=(), hint="changed"))]
    ),
    "entries.delete": lambda store: store.delete_entries(["e", "alias"]),
    "entries.prune": lambda store: store.prune_expired_entries(100),
    "agents.put": lambda store: store.put_agent(replace(AGENT, id=OTHER)),
    "agents.renew": lambda store: store.set_renewal(NODE, "13", 2000),
    "agents.activate": lambda store: store.activate_serial(NODE, "12"),
    "agents.version": lambda store: store.set_agent_version(NODE, "2"),
    "agents.ban": lambda store: store.ban(NODE),
    "agents.delete": lambda store: store.delete_agent(NODE),
    "agents.prune": lambda store: store.prune_expired_agents(5000),
    "tokens.create": lambda store: store.create_join_token(
        JoinToken("new", 50), [replace(ALIAS, id="second", spiffe_id=SpiffeId(OWN, "/second"))]
    ),
    "tokens.take": lambda store: store.take_join_token("secret"),
    "tokens.prune": lambda store: store.prune_join_tokens(100),
    "bundles.create": lambda store: store.create_bundle(Bundle(NEW)),
    "bundles.set": lambda store: store.set_bundle(Bundle(PARTNER, refresh_hint=7)),
    "bundles.append": lambda store: store.append_bundle(Bundle(OWN, jwt_authorities=(KEY,))),
    "bundles.change": lambda store: store.change_bundle(OWN, lambda one: replace(one, refresh_hint=9)),
    "bundles.delete": lambda store: store.delete_bundle(PARTNER, DeleteMode.DELETE),
    "federation.create": lambda store: store.create_federation_relationship(
        replace(WEB, trust_domain=NEW), Bundle(NEW)
    ),
    "federation.update": lambda store: store.update_federation_relationship(
        replace(WEB, bundle_endpoint_url="https://other.test/"), Bundle(PARTNER, refresh_hint=8)
    ),
    "federation.delete": lambda store: store.delete_federation_relationship(PARTNER),
    "journal.put": lambda store: store.put_journal(1, Journal(), "cd34"),
    "journal.prune": lambda store: store.prune_journals(100),
    "changes.trim": lambda store: trim(store),
    "events.prune": lambda store: store.prune_events(4102444800),
    "lineage.begin": lambda store: store.remember(),  # passed when the store is opened
    "lineage.go_on": lambda store: load_after_restore(store),
    "lineage.renew": lambda store: store.remember(),
    "schema.hand_back": lambda store: migrate.hand_back(store._engine),
    "schema.prepare": lambda store: store.load(),  # passed when an empty file is opened
}
STARTS_EMPTY = {"schema.prepare"}


async def load_after_restore(store: Store) -> object:
    here = await store.changes.position()
    return await store.load(replace(here, id=here.id + 1))


async def trim(store: Store) -> int:
    return await store.changes.trim([await store.changes.position()])


async def prepare(store: Store) -> None:
    """Writes that were acknowledged before."""
    await store.set_bundle(Bundle(OWN))
    await store.set_bundle(Bundle(PARTNER))
    await store.create_entries(
        [
            replace(ENTRY, federates_with=(PARTNER,)),
            ALIAS,
            replace(ENTRY, id="old", parent_id=OTHER, expires_at=5),
        ]
    )
    await store.put_agent(AGENT)
    await store.set_renewal(NODE, "12", 3000)
    await store.create_join_token(JoinToken("secret", 5))
    await store.create_join_token(JoinToken("gone", 5))
    await store.take_join_token("gone")
    await store.create_federation_relationship(WEB)
    await store.put_journal(None, Journal(), "ab12")


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


OPENS_CONNECTIONS = {"hand_back.py", "listen.py", "postgres_connection.py"}


def test_nothing_writes_past_the_engine() -> None:
    """Only it and the code that opens connections may execute statements."""
    for path in Path(finial.store.__file__).parent.glob("*.py"):
        if not path.name.startswith("engine") and path.name not in OPENS_CONNECTIONS:
            assert ".execute" not in path.read_text(), path.name


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_a_killed_write_is_there_in_full_or_not_at_all(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path), name], capture_output=True, text=True, timeout=60
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
