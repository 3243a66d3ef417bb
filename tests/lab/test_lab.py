"""`finial up` to `finial down` on real processes: repaired whatever ends, rotated, verified, gone."""

from __future__ import annotations

import json
import subprocess
import sys

import httpx
import pytest

from finial.lab import process
from finial.lab.ports import HOST
from finial.lab.topology import LAB
from finial.testing.lab import TIMEOUT, Lab, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_verify_finds_everything_as_it_must_be(running: Lab) -> None:
    done = running.run("verify", "-output", "json")
    checks = json.loads(done.stdout)
    assert [one for one in checks if not one["ok"]] == []
    assert len(checks) == 14 + len(LAB.services)


def test_status_shows_each_process_with_its_identity(running: Lab) -> None:
    status = running.status()
    assert list(status) == ["server", "agent", *LAB.names, "console"]
    for name in LAB.names:
        assert status[name]["id"] == f"spiffe://example.org/ns/production/sa/{name}"
        assert status[name]["up"]
        assert status[name]["calls"]["denied"] > 0


def test_the_console_lets_in_whom_the_lab_gives_a_link(running: Lab) -> None:
    told = json.loads(running.run("lab", "start-dashboard", "-output", "json").stdout)
    assert told["address"] == f"http://{HOST}:{running.state().ports['console']}"
    with httpx.Client(follow_redirects=False, trust_env=False) as browser:
        assert browser.get(f"{told['address']}/api/overview").status_code == 401
        assert browser.get(told["link"]).status_code == 303
        assert browser.get(f"{told['address']}/api/overview").json()["trust_domain"] == "example.org"
    assert f"console  {told['address']}" in running.run("status").stdout


def test_identities_rotate_and_no_call_suffers(running: Lab) -> None:
    before = running.status()

    def rotated() -> bool:
        status = running.status()
        return all(status[name]["rotations"] >= before[name]["rotations"] + 2 for name in LAB.names)

    wait_for(rotated, "two rotations")
    after = running.status()
    assert {
        name: after[name]["calls"]["failed"] - before[name]["calls"]["failed"] for name in LAB.names
    } == dict.fromkeys(LAB.names, 0)
    assert {after[name]["serial"] for name in LAB.names}.isdisjoint(
        before[name]["serial"] for name in LAB.names
    )


@pytest.mark.parametrize("name", ["agent", "payment-api", "server", "console"])
def test_a_second_up_waits_until_what_ended_runs_again(running: Lab, name: str) -> None:
    before = running.status()[name]
    running.kill(running.state().processes[name])
    assert "all well" in running.run("up").stderr
    after = running.status()[name]
    assert after["up"]
    assert after["pid"] != before["pid"]
    assert after["restarts"] == before["restarts"] + 1
    assert json.loads(running.run("verify", "-output", "json", code=None).stdout)[0]["ok"]


def test_the_agent_before_is_evicted(running: Lab) -> None:
    restart(running, "agent")
    command = [sys.executable, "-m", "finial", "agent", "list", "-output", "json"]

    def one_agent() -> bool:
        done = subprocess.run(
            [*command, "-socketPath", str(running.place.server_socket)],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        return len(json.loads(done.stdout)["agents"]) == 1

    wait_for(one_agent, "the eviction")


def restart(lab: Lab, name: str) -> None:
    command = [sys.executable, "-m", "finial", "lab", "restart", "-dir", str(lab.place.folder), name]
    subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT)


def test_after_a_killed_launcher_up_sweeps_and_starts_with_the_same_data(lab: Lab) -> None:
    lab.run("up")
    before = lab.processes()
    launcher = lab.state().launcher
    assert launcher is not None
    lab.kill(launcher)
    bundle = lab.place.bundle.read_text()
    lab.run("up")
    assert lab.place.bundle.read_text() == bundle
    assert not [one for one in before if process.alive(one)]
    lab.run("verify")
    lab.run("down")
    assert not lab.place.folder.exists()


def test_a_server_that_cannot_start_leaves_nothing_running(lab: Lab) -> None:
    (lab.place.folder / "server" / "datastore.sqlite3").write_text("this is no database" * 1000)
    done = lab.run("up", code=1)
    assert "server" in done.stderr
    assert not [one for one in lab.processes() if process.alive(one)]
    assert "nothing is left behind" in lab.run("down").stdout
