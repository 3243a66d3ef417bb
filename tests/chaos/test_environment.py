"""What surrounds the processes is wrong: it is said plainly, nothing is harmed, and once mended all goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from finial.errors import FinialError, Unavailable
from finial.testing.configs import HOST
from finial.testing.domain import POLL, Domain

if TYPE_CHECKING:
    from tests.chaos.conftest import Attempt, Grown

Trouble = Callable[[Domain], AbstractContextManager[object]]

HEALTH = '\nhealth_checks {{ listener_enabled = true bind_address = "{host}" bind_port = "{port}" }}\n'


# --- troubles, each a context in which it lasts


@contextmanager
def listening(address: str | tuple[str, int]) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as other:
        other.bind(address)
        other.listen()
        yield
    if isinstance(address, str):
        os.unlink(address)


@contextmanager
def content(path: Path, data: bytes) -> Iterator[None]:
    """Of a file, for the time; that a program did not touch it is seen at the end."""
    before = path.read_bytes() if path.exists() else None
    path.write_bytes(data)
    yield
    assert path.read_bytes() == data
    path.write_bytes(before) if before is not None else path.unlink()


@contextmanager
def mode(path: Path, bits: int) -> Iterator[None]:
    before = path.stat().st_mode & 0o7777
    path.chmod(bits)
    yield
    path.chmod(before)


@contextmanager
def moved(path: Path) -> Iterator[None]:
    away = path.rename(path.with_name("away"))
    yield
    away.rename(path)


@contextmanager
def a_file_instead(path: Path) -> Iterator[None]:
    with moved(path):
        path.write_text("")
        yield
        path.unlink()


@contextmanager
def no_folder_and_none_to_be_made(path: Path) -> Iterator[None]:
    with moved(path):
        before = path.parent.stat().st_mode & 0o7777
        path.parent.chmod(0o500)
        yield
        path.parent.chmod(before)


@contextmanager
def configured(domain: Domain, part: str, old: str, new: str) -> Iterator[None]:
    path = domain.folder / f"{part}.conf"
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new, 1))
    yield
    path.write_text(before)


@contextmanager
def taken_health_port(domain: Domain, part: str) -> Iterator[None]:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        text = HEALTH.format(host=HOST, port=other.getsockname()[1])
        with configured(domain, part, "plugins {", text + "plugins {"):
            yield


def long_path(domain: Domain, part: str) -> AbstractContextManager[None]:
    folder = f"{domain.folder}/{'x' * 108}"
    return configured(domain, part, f'"{domain.folder}/{part}.sock"', f'"{folder}/{part}.sock"')


def data(domain: Domain, name: str) -> Path:
    return domain.folder / name


@contextmanager
def without_data(domain: Domain) -> Iterator[None]:
    """An agent that never ran, in a folder that takes no file."""
    with moved(domain.folder / "agent"):
        (domain.folder / "agent").mkdir(mode=0o500)
        yield
        (domain.folder / "agent").rmdir()


SERVER: dict[str, tuple[Trouble, str, str]] = {  # name: trouble, what is told, the hint
    "port taken": (
        lambda d: listening((HOST, d.port)),
        r"listen on 127\.0\.0\.1:\d+: address already in use",
        r"port \d+ is taken by another process: stop it or choose another port",
    ),
    "health port taken": (
        lambda d: taken_health_port(d, "server"),
        r"listen on 127\.0\.0\.1:\d+: address already in use",
        r"is taken by another process",
    ),
    "socket in use": (
        lambda d: listening(f"{d.folder}/server.sock"),
        r"listen on unix socket .*server\.sock.*: another process listens there",
        r"stop that process or choose another path",
    ),
    "socket path is a file": (
        lambda d: content(data(d, "server.sock"), b"mine"),
        r"listen on unix socket .*: something that is not a socket is there",
        r"remove it or choose another path",
    ),
    "socket path too long": (
        lambda d: long_path(d, "server"),
        r"path has \d+ bytes, at most 107 are allowed",
        r"choose a shorter socket path",
    ),
    "data folder read-only": (
        lambda d: mode(data(d, "server"), 0o500),
        r"data\.sqlite3.*: (unable to open database file|attempt to write a readonly database)",
        r"writable by this user",
    ),
    "data folder cannot be made": (
        lambda d: no_folder_and_none_to_be_made(data(d, "server")),
        r"could not create data directory .*server.*: Permission denied",
        r"data_dir must be a folder",
    ),
    "data folder is a file": (
        lambda d: a_file_instead(data(d, "server")),
        r"could not create data directory .*server.*: File exists",
        r"data_dir must be a folder",
    ),
    "keys corrupt": (
        lambda d: content(data(d, "server/keys.json"), b'{"keys": {'),
        r"unable to decode keys JSON .*keys\.json.*: not in the form of keys\.json",
        r"restore the file from a backup",
    ),
    "key corrupt": (
        lambda d: content(data(d, "server/keys.json"), b'{"keys": {"x509-CA-A": "AAAA"}}'),
        r"unable to parse key .*x509-CA-A.*: not base64 of PKCS#8",
        r"restore the file from a backup",
    ),
    "database corrupt": (
        lambda d: content(data(d, "server/data.sqlite3"), b"no database " * 999),
        r"unable to open database file .*data\.sqlite3.*: file is not a database",
        r"the path must name a database",
    ),
    "history corrupt": (
        lambda d: content(data(d, "server/finial-history.json"), b""),
        r"finial-history\.json.* cannot be read",
        r"remove it: all watchers then load in full once",
    ),
    "log folder missing": (
        lambda d: configured(d, "server", "log_level", f'log_file = "{d.folder}/none/log"\nlog_level'),
        r"open .*none/log: no such file or directory",
        r"log_file must name a file in a folder that is there",
    ),
}


@pytest.mark.parametrize("name", SERVER)
async def test_server_says_what_is_wrong_and_goes_on_once_it_is_mended(
    name: str, domain: Domain, attempt: Attempt, grown: Grown
) -> None:
    trouble, told, hint = SERVER[name]
    keys = (domain.folder / "server/keys.json").read_bytes()
    with trouble(domain):
        ended = attempt("server", without_rights=True)
    ended.says(told, hint)
    assert (domain.folder / "server/keys.json").read_bytes() == keys
    await goes_on(domain, grown)


async def goes_on(domain: Domain, grown: Grown) -> None:
    """The same CA, the same entries."""
    await domain.start_server()
    assert await domain.roots() == grown.roots
    assert await domain.entry_ids() == grown.entry_ids


AGENT: dict[str, tuple[Trouble, str, str]] = {
    "socket in use": (
        lambda d: listening(f"{d.folder}/agent.sock"),
        r"listen on unix socket .*agent\.sock.*: another process listens there",
        r"stop that process or choose another path",
    ),
    "socket path too long": (
        lambda d: long_path(d, "agent"),
        r"path has \d+ bytes, at most 107 are allowed",
        r"choose a shorter socket path",
    ),
    "health port taken": (
        lambda d: taken_health_port(d, "agent"),
        r"listen on 127\.0\.0\.1:\d+: address already in use",
        r"is taken by another process",
    ),
    "data folder cannot be made": (
        lambda d: no_folder_and_none_to_be_made(data(d, "agent")),
        r"could not create data directory .*agent.*: Permission denied",
        r"data_dir must be a folder",
    ),
    "wrong trust domain": (
        lambda d: configured(d, "agent", "example.org", "elsewhere.test"),
        r"stored agent SVID is for .*spiffe://example\.org/spire/agent/.*elsewhere\.test.* is configured",
        r"correct trust_domain, or move the files of data_dir away",
    ),
    "data corrupt": (
        lambda d: content(data(d, "agent/agent-data.json"), b'{"svid": ['),
        r"failed to unmarshal data .*agent-data\.json",
        r"move the file away: the agent then attests anew",
    ),
    "log folder missing": (
        lambda d: configured(d, "agent", "log_level", f'log_file = "{d.folder}/none/log"\nlog_level'),
        r"open .*none/log: no such file or directory",
        r"log_file must name a file in a folder that is there",
    ),
}


@pytest.mark.parametrize("name", AGENT)
async def test_agent_says_what_is_wrong_and_goes_on_once_it_is_mended(
    name: str, domain: Domain, attempt: Attempt
) -> None:
    trouble, told, hint = AGENT[name]
    await domain.start_server()
    with trouble(domain):
        (await asyncio.to_thread(attempt, "agent", without_rights=True)).says(told, hint)
    await domain.start_agent()  # with the identity that it had


RETRIED: dict[str, tuple[Trouble, str, str]] = {  # for a minute, since it may pass
    "keys corrupt": (
        lambda d: content(data(d, "agent/keys.json"), b"{"),
        r"unable to decode keys JSON .*keys\.json",
        r"restore the file from a backup",
    ),
    "data folder read-only": (
        without_data,
        r"failed to write data file .*agent/agent-data\.json.*: Permission denied",
        r"the folder must be there, have room and be writable",
    ),
}


@pytest.mark.parametrize("name", RETRIED)
async def test_agent_says_at_each_try_what_is_wrong(name: str, domain: Domain, attempt: Attempt) -> None:
    trouble, told, hint = RETRIED[name]
    await domain.start_server()
    with trouble(domain):
        ended = await asyncio.to_thread(attempt, "agent", without_rights=True, until="Failed to ")
    ended.says(told, hint, code=0)
    await domain.start_agent()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "could not parse trust bundle: open .*bundle.pem: no such file or directory"),
        (b"garbage", "no PEM blocks"),
    ],
    ids=["missing", "garbage"],
)
async def test_agent_names_the_first_bundle_that_it_cannot_read(
    given: bytes | None, told: str, domain: Domain, attempt: Attempt
) -> None:
    bundle, agent_data = domain.folder / "bundle.pem", domain.folder / "agent/agent-data.json"
    agent_data.unlink()
    kept = bundle.read_bytes()
    bundle.write_bytes(given) if given is not None else bundle.unlink()
    ended = await asyncio.to_thread(attempt, "agent", "-joinToken", "unused", until="Failed to ")
    ended.says(told, r"bundle\.pem", "trust_bundle_path must name what", code=0)
    bundle.write_bytes(kept)
    await domain.start_server()
    await domain.start_agent("-joinToken", await domain.enrol())


async def test_a_new_agent_of_the_wrong_trust_domain_refuses_the_server(
    domain: Domain, attempt: Attempt
) -> None:
    await domain.start_server()
    with (
        moved(domain.folder / "agent"),
        configured(domain, "agent", "example.org", "elsewhere.test"),
    ):
        token = await domain.enrol()
        ended = await asyncio.to_thread(attempt, "agent", "-joinToken", token, until="Failed to ")
        shutil.rmtree(domain.folder / "agent")
    ended.says(
        r"spiffe://example\.org/spire/server.* is of a trust domain of which no bundle is held", code=0
    )
    with moved(domain.folder / "agent"):
        await domain.start_agent("-joinToken", token)  # which nobody was shown
        await domain.stop_agent()
        shutil.rmtree(domain.folder / "agent")


# --- trouble that comes while they run


@contextmanager
def full_disk(pid: int) -> Iterator[None]:
    """Of a running process: no file may grow."""
    if sys.platform == "linux":
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
        yield
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    else:
        pytest.skip("prlimit is Linux's")


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - files send no event
            await asyncio.sleep(POLL)


@pytest.mark.parametrize("size", [0, 20_000])
def test_server_that_starts_on_a_full_disk_says_so(size: int, tmp_path: Path, attempt: Attempt) -> None:
    for path in (tmp_path / "server").iterdir():
        path.unlink()
    attempt("server", largest_file=size).says(
        r"datastore-sql: unable to open database file .*: (disk I/O error|database or disk is full)",
        r"full disk|free space",
    )


async def test_server_whose_disk_is_full_refuses_writes_and_goes_on_once_there_is_room(
    domain: Domain, grown: Grown
) -> None:
    await domain.start_server()
    with full_disk(domain.server.popen.pid):
        with pytest.raises(FinialError, match=r"disk|full"):
            await domain.register("refused", "unix:uid:7")
        assert await domain.entry_ids() == grown.entry_ids  # reads go on
    async with domain.api():
        pass
    await domain.start_agent()
    added = await domain.register("accepted", "unix:uid:8")
    assert await domain.entry_ids() == grown.entry_ids | {added}
    await domain.kill_server()
    await domain.start_server()
    assert await domain.entry_ids() == grown.entry_ids | {added}


async def test_server_goes_on_without_a_log_when_its_disk_is_full(domain: Domain, grown: Grown) -> None:
    with configured(domain, "server", "log_level", 'log_file = "/dev/full"\nlog_level'):
        await goes_on(domain, grown)


async def test_server_keeps_its_log_file_when_it_cannot_be_opened_anew(domain: Domain) -> None:
    log = domain.folder / "logs" / "log"
    log.parent.mkdir()
    with configured(domain, "server", "log_level", f'log_file = "{log}"\nlog_level'):
        await domain.start_server()
    with moved(log.parent):
        domain.server.process.signal(signal.SIGUSR2)
        await eventually(lambda: "log_file must name" in (log.parent.parent / "away/log").read_text())
    log.rename(log.with_name("rotated"))
    domain.server.process.signal(signal.SIGUSR2)
    await eventually(log.exists)
    with contextlib.suppress(Unavailable):
        await domain.stop_server()
    assert "Server stopped gracefully" in log.read_text()
