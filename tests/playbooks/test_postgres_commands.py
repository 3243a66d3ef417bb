"""A server on a PostgreSQL that asks for a password: it is never logged, and `migrate` looks and hands back."""

from __future__ import annotations

import asyncio
import io
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from finial.cli import run
from finial.cli.console import Console
from finial.errors import Unavailable
from finial.testing import postgres
from finial.testing.server import Running, attest, server
from finial.testing.transcripts import Outcome

pytestmark = pytest.mark.slow
CONF = """
server {{ trust_domain = "example.org" data_dir = "data" }}
plugins {{
  DataStore "sql" {{ plugin_data {{ database_type = "postgres" connection_string = "{database}" }} }}
  KeyManager "memory" {{ plugin_data {{}} }}
  NodeAttestor "join_token" {{ plugin_data {{}} }}
}}
"""


ACCESS = "host all ada 127.0.0.1/32 scram-sha-256\nhost all finial 127.0.0.1/32 trust\n"


@pytest.fixture(scope="module")
def password() -> str:
    return secrets.token_hex(12)


@pytest.fixture(scope="module")
def cluster(password: str) -> Iterator[postgres.Cluster]:
    """Role ada needs the password."""
    with postgres.own() as running:
        running.execute(f"CREATE ROLE ada LOGIN SUPERUSER PASSWORD '{password}'")
        running.write("pg_hba.conf", ACCESS.encode())
        running.execute("SELECT pg_reload_conf()")
        yield running


@pytest.fixture
def database(cluster: postgres.Cluster, password: str) -> Iterator[str]:
    with cluster.schema() as found:
        yield found.replace("finial@", f"ada:{password}@")


def migrate(verb: str, config: Path, *words: str) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    console = Console("finial", io.StringIO(), out, err)
    code = run(["migrate", verb, "-config", str(config), "-output", "json", *words], console)
    return Outcome(code, out.getvalue(), err.getvalue())


async def logged(running: Running, text: str) -> None:
    async with asyncio.timeout(10):
        while True:
            if text in running.log.getvalue():
                return
            await asyncio.sleep(0.05)


def test_the_password_of_the_database_is_in_no_log(
    tmp_path: Path, cluster: postgres.Cluster, database: str, password: str
) -> None:
    """Through a start, writes, an outage that is told at length, and the end."""

    async def play() -> str:
        async with server(tmp_path, database=database) as running:
            await attest(running)
            await asyncio.to_thread(cluster.stop)
            try:
                await logged(running, "Failed to follow the change log")
            finally:
                await asyncio.to_thread(cluster.start)
        return running.log.getvalue()

    log = asyncio.run(play())
    assert "unable to connect to the database" in log
    assert password not in log


def test_a_wrong_password_is_not_told_either(tmp_path: Path, database: str, password: str) -> None:
    wrong = password[::-1]

    async def start() -> None:
        async with server(tmp_path, database=database.replace(password, wrong)):
            pytest.fail("let in")

    with pytest.raises(Unavailable, match="password authentication failed") as caught:
        asyncio.run(start())
    assert wrong not in f"{caught.value} {caught.value.hint}"


def test_migrate_tells_of_a_running_servers_database_and_hands_back_a_stopped_ones(
    tmp_path: Path, database: str, password: str
) -> None:
    config = tmp_path / "server.conf"
    config.write_text(CONF.format(database=database))

    async def live() -> tuple[Outcome, Outcome]:
        async with server(tmp_path, database=database):
            status = await asyncio.to_thread(migrate, "status", config)
            return status, await asyncio.to_thread(migrate, "hand-back", config, "-yes")

    status, refused = asyncio.run(live())
    assert status.exit == 0, status.err
    assert json.loads(status.out)["missing"] == []
    assert refused.exit == 1
    assert "in use by a Finial server" in refused.err
    assert json.loads(migrate("hand-back", config).out)["removed"] is False
    done = migrate("hand-back", config, "-yes")
    assert json.loads(done.out) == {"database": "the PostgreSQL database", "held": True, "removed": True}
    assert json.loads(migrate("status", config).out)["change_log_version"] is None
    told = "".join(one.out + one.err for one in (status, refused, done))
    assert password not in told
