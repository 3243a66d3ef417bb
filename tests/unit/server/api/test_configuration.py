"""A changed file, asked for on the private socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from finial.config.server import ServerConfig
from finial.runtime.grpc import GRPCError, unary
from finial.server.api.caller import Caller
from finial.server.api.configuration import process_of
from finial.testing.server import Running, attest, config_of, server
from finial.wire.pb.finial.configuration.v1 import configuration_pb2 as api
from finial.wire.pb.finial.configuration.v1.configuration_grpc import ConfigurationStub

SECRET = "hunter-two"


@dataclass
class File:
    """What the server's file says."""

    folder: Path
    options: str = ""
    database: Path | str | None = None

    def read(self) -> ServerConfig:
        return config_of(self.folder, self.options, database=self.database)


def play(folder: Path, scene: Callable[[Running, File], Awaitable[None]]) -> None:
    async def run() -> None:
        file = File(folder)
        async with server(folder, "audit_log_enabled = true", read=file.read) as running:
            file.options = "audit_log_enabled = true"
            await scene(running, file)

    asyncio.run(run())


async def reload(running: Running, *, dry_run: bool = False) -> api.ReloadResponse:
    async with running.admin() as channel:
        return await unary(ConfigurationStub(channel).Reload, api.ReloadRequest(dry_run=dry_run))


def test_a_change_is_taken_and_told_and_the_log_says_who_asked(tmp_path: Path) -> None:
    async def scene(running: Running, file: File) -> None:
        file.options += ' ca_ttl = "48h"'
        answer = await reload(running)
        (one,) = answer.differences
        assert (one.option, one.old, one.new) == ("server.ca_ttl", "24h0m0s", "48h0m0s")
        assert (one.needs_restart, answer.applied) == (False, True)
        assert one.place.startswith("server.conf:10:")
        assert running.server.config.server.ca_ttl == timedelta(hours=48)
        (line,) = [one for one in running.lines if "Option changed" in one]
        assert 'requested_by="pid ' in line
        (audited,) = [one for one in running.lines if "type=audit" in one]
        assert "applied=true" in audited
        assert not (await reload(running)).differences

    play(tmp_path, scene)


@pytest.mark.parametrize("dry_run", [False, True])
def test_one_change_that_needs_a_restart_refuses_all(tmp_path: Path, dry_run: bool) -> None:
    async def scene(running: Running, file: File) -> None:
        before = running.server.config
        file.options += ' ca_ttl = "48h" jwt_issuer = "i"'
        answer = await reload(running, dry_run=dry_run)
        told = {one.option: one.needs_restart for one in answer.differences}
        assert told == {"server.ca_ttl": False, "server.jwt_issuer": True}
        assert not answer.applied
        assert running.server.config is before

    play(tmp_path, scene)


def test_a_dry_run_changes_nothing_and_tells_what_a_start_would_warn_of(tmp_path: Path) -> None:
    async def scene(running: Running, file: File) -> None:
        before = running.server.config
        file.options += ' ca_ttl = "48h" default_x509_svid_ttl = "47h"'
        answer = await reload(running, dry_run=True)
        assert len(answer.differences) == 2
        assert any("default_x509_svid_ttl" in one for one in answer.warnings)
        assert not answer.applied
        assert running.server.config is before

    play(tmp_path, scene)


def test_a_broken_file_is_answered_with_the_place(tmp_path: Path) -> None:
    async def scene(running: Running, file: File) -> None:
        before = running.server.config
        file.options += ' ca_ttl = "48h" nope = 1'
        answer = await reload(running)
        assert "server.conf:10:" in answer.problem
        assert (len(answer.differences), answer.applied) == (0, False)
        assert running.server.config is before

    play(tmp_path, scene)


def test_no_password_of_the_database_is_shown(tmp_path: Path) -> None:
    async def scene(running: Running, file: File) -> None:
        file.database = f"postgres://user:{SECRET}@localhost/db"
        answer = await reload(running)
        (one,) = answer.differences
        assert (one.option, one.old, one.new) == ("plugins.DataStore.sql", "(configured)", "(configured)")
        assert one.needs_restart
        assert SECRET not in running.log.getvalue() + str(answer)

    play(tmp_path, scene)


def test_over_tcp_there_is_no_such_service_for_anyone(tmp_path: Path) -> None:
    async def scene(running: Running, _: File) -> None:
        for caller in (None, await attest(running)):
            async with running.remote(caller) as channel:
                with pytest.raises(GRPCError, match=r"unknown service finial\.configuration"):
                    await unary(ConfigurationStub(channel).Reload, api.ReloadRequest())

    play(tmp_path, scene)


def test_who_is_no_process_of_this_machine_has_no_name() -> None:
    assert process_of(Caller()) == ""
