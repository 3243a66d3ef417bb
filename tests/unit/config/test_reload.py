"""A changed file is taken whole or refused whole."""

from __future__ import annotations

import asyncio
import io
import threading
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from finial.config.reload import SIGNAL, Plan, Reloader, plan_of
from finial.config.server import ServerConfig, load_server
from finial.errors import FinialError, InvalidArgument
from finial.runtime.clock import SystemClock
from finial.runtime.log import Level, Logger, Output
from finial.runtime.tasks import Tasks

LIVE = frozenset({"server.ca_ttl", "server.log_level"})
BASE = """server {
  trust_domain = "example.org"
  data_dir = "d"
  %s
}
plugins { DataStore "sql" {} KeyManager "memory" {} }"""


def load(options: str = "") -> ServerConfig:
    return load_server(BASE % options, "server.conf")


@dataclass
class Program:
    """Something that runs with a configuration; `file` is what its file says."""

    file: str = ""
    config: ServerConfig = field(default_factory=load)
    log: io.StringIO = field(default_factory=io.StringIO)
    reads: int = 0
    used: asyncio.Event = field(default_factory=asyncio.Event)

    def read(self) -> ServerConfig:
        self.reads += 1
        return load(self.file)

    def use(self, config: ServerConfig) -> None:
        self.config = config
        self.output.level = config.server.log_level
        self.used.set()

    def reloader(self) -> Reloader[ServerConfig]:
        self.output = Output(self.log, now=SystemClock().now, strict=True)
        return Reloader(self.read, lambda: self.config, self.use, LIVE, Logger(self.output))

    def reload(self, file: str, *, dry_run: bool = False) -> str:
        """What is logged."""
        self.file = file

        async def scene() -> None:
            with suppress(FinialError):
                await self.reloader().reload(SIGNAL, dry_run=dry_run)

        asyncio.run(scene())
        return self.log.getvalue()


def test_changes_that_can_be_made_are_made_and_told() -> None:
    program = Program()
    log = program.reload('ca_ttl = "48h"')
    assert program.config == load('ca_ttl = "48h"')
    assert 'msg="Option changed" new=48h0m0s old=24h0m0s option=server.ca_ttl' in log
    assert 'msg="Configuration reloaded" changes=1' in log


def test_one_that_cannot_be_made_stops_all() -> None:
    program = Program()
    log = program.reload('ca_ttl = "48h"\n  bind_port = 1')
    assert program.config == load()
    assert "server.conf:5:15: server.bind_port needs a restart: 8081 -> 1" in log
    assert log.count("level=error") == log.count("\n") == 1


def test_every_option_that_needs_a_restart_is_named() -> None:
    plan = plan_of(load('jwt_issuer = "i"'), load('bind_port = 1 ca_ttl = "48h"'), LIVE)
    assert len(plan.changes) == 3
    assert plan.refusal is not None
    assert plan.refusal.message == (
        "server.conf:4:15: server.bind_port needs a restart: 8081 -> 1; "
        "server.jwt_issuer needs a restart: i -> (not set)"
    )
    assert "restart" in (plan.refusal.hint or "")


def test_changes_that_can_all_be_made_are_not_refused() -> None:
    assert plan_of(load(), load('ca_ttl = "48h"'), LIVE).refusal is None


@pytest.mark.parametrize("options", ['ca_ttl = "48h"', 'ca_ttl = "48h"\n  bind_port = 1'])
def test_a_dry_run_tells_and_changes_nothing(options: str) -> None:
    program = Program()
    log = program.reload(options, dry_run=True)
    assert program.config == load()
    assert log.count("\n") == 1
    fixed = 1 if "bind_port" in options else 0
    assert (
        f'msg="Configuration compared with the one in force" changes={1 + fixed} need_restart={fixed}' in log
    )


def test_a_broken_file_changes_nothing_and_is_told_with_its_place() -> None:
    program = Program()
    log = program.reload('ca_ttl = "soon"')
    assert program.config == load()
    assert "server.conf:4:" in log
    assert log.count("level=error") == log.count("\n") == 1


def test_a_file_that_says_the_same_is_told_as_such() -> None:
    assert "Configuration is unchanged" in Program().reload('ca_ttl = "24h"')


def test_a_quieter_level_comes_after_what_is_told() -> None:
    program = Program()
    assert "Configuration reloaded" in program.reload('log_level = "error"')
    assert program.output.level is Level.ERROR


def test_asked_before_it_runs_and_twice_it_reads_once() -> None:
    async def scene() -> None:
        program = Program('ca_ttl = "48h"')
        reloader = program.reloader()
        reloader.ask()
        reloader.ask()
        async with Tasks() as tasks:
            tasks.start(reloader.run())
            await program.used.wait()
            assert program.reads == 1
            program.used.clear()
            program.file = 'ca_ttl = "72h"'
            reloader.ask()
            await program.used.wait()
        assert program.config == load('ca_ttl = "72h"')

    asyncio.run(scene())


def test_each_line_says_who_asked() -> None:
    for file in ("", 'ca_ttl = "48h"', "bind_port = 1", 'ca_ttl = "soon"'):
        log = Program().reload(file)
        assert log
        assert log.count("requested_by=SIGHUP") == log.count("\n")


def test_a_file_that_cannot_be_used_is_told_to_who_asked() -> None:
    async def scene() -> None:
        program = Program('ca_ttl = "soon"')
        with pytest.raises(InvalidArgument, match=r"server\.conf:4:"):
            await program.reloader().reload("somebody")

    asyncio.run(scene())


def test_requests_at_the_same_time_are_served_one_after_the_other() -> None:
    """The second is compared with what the first put in force."""

    async def scene() -> list[Plan[ServerConfig]]:
        program = Program()
        reading, may_read = asyncio.Event(), threading.Event()
        loop, read = asyncio.get_running_loop(), program.read

        def slow_read() -> ServerConfig:
            loop.call_soon_threadsafe(reading.set)
            assert may_read.wait(10)
            return read()

        program.read = slow_read  # type: ignore[method-assign]
        reloader = program.reloader()
        async with Tasks() as tasks:
            both = [tasks.start(reloader.reload(name)) for name in ("first", "second")]
            await reading.wait()
            program.file = 'ca_ttl = "48h"'
            assert program.reads == 0
            may_read.set()
            return list(await asyncio.gather(*both))

    first, second = asyncio.run(scene())
    assert [str(one) for one in first.changes] == ["server.ca_ttl: 24h0m0s -> 48h0m0s"]
    assert second.changes == ()
