"""`finial up -postgres`: the same lab, its server's data in PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from finial.lab.process import alive
from finial.lab.state import EMBEDDED
from finial.testing import postgres
from finial.testing.lab import Lab, wait_for

pytestmark = pytest.mark.slow


@pytest.mark.timeout(200)
def test_a_server_of_its_own_is_run_and_ended(lab: Lab) -> None:
    lab = replace(lab, prefix=())  # root needs its rights to run PostgreSQL as somebody else
    lab.reserve_ports(postgres=EMBEDDED)
    assert "postgres of the lab" in lab.run("up", "-postgres").stdout
    lab.run("verify")
    processes = lab.processes()
    lab.kill(lab.state().processes["postgres"])
    wait_for(lambda: all(one["up"] for one in lab.status().values()), "the database came back")
    assert lab.status()["postgres"]["restarts"] == 1
    lab.run("verify")
    refused = lab.run("up", "-postgres", "host=db user=ada password=s3cret", code=1)
    assert "the lab has another database: postgres of the lab" in refused.stderr
    lab.run("down", "-keep")
    lab.run("up")
    lab.run("verify")
    processes += lab.processes()
    folder = lab.place.postgres
    lab.run("down")
    assert not [one for one in processes if alive(one)]
    assert not lab.place.folder.exists() and not folder.exists()


@pytest.mark.timeout(200)
def test_a_database_that_is_named_is_used_and_left_as_it_is(lab: Lab) -> None:
    with postgres.own() as cluster, cluster.schema() as database:
        lab.reserve_ports(postgres=database)
        lab.run("up", "-postgres", database)
        lab.run("verify")
        assert "postgres" not in lab.status()
        with psycopg.connect(database) as connection:
            count = "SELECT count(*) FROM registered_entries"
            entries = connection.execute(count).fetchone()
            assert entries is not None and entries[0] > 0
            lab.run("down")
            assert connection.execute(count).fetchone() == entries
