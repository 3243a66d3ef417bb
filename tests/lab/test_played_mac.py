"""A whole trust domain by the macOS side of each seam, on the kernel of a Mac as `finial.testing.darwin` plays it.

It shows that nothing of Linux is missed and that the two sides answer alike. That a Mac answers as the
played one does was not tried: docs/decisions/0008-the-mac.md.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from finial.lab.place import Place
from finial.lab.topology import LAB
from finial.testing import attacks, unprivileged
from finial.testing.lab import Lab

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ATTESTED = """
import asyncio, json, socket
from finial.plugins.workload.unix import Config, UnixAttestor
from finial.runtime.peer import pin

ours, theirs = socket.socketpair()
peer = pin(ours)
found = asyncio.run(UnixAttestor(Config(discover_workload_path=True)).attest(peer))
peer.check()
print(json.dumps([str(one) for one in found]))
"""


@pytest.fixture(scope="module")
def mac(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """What turns a command into one on a Mac, with all that it starts."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text("from finial.testing.darwin import become\n\nbecome()\n")
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return (*unprivileged.COMMAND, "/usr/bin/env", f"PYTHONPATH={path}")


@pytest.fixture
def lab(mac: tuple[str, ...], tmp_path: Path) -> Iterator[Lab]:
    made = Lab(Place.at(tmp_path / "lab"), mac)
    made.reserve_ports()
    yield made
    made.run("down", code=None)


def test_a_trust_domain_is_started_verified_repaired_and_ended(lab: Lab) -> None:
    told = lab.run("up").stderr
    assert "not protected: platform: macOS, Darwin 24.4.0: " in told
    checks = json.loads(lab.run("verify", "-output", "json").stdout)
    assert [one for one in checks if not one["ok"]] == []
    assert len(checks) == 14 + len(LAB.services)
    before = lab.status()
    for name in ("agent", "payment-api"):
        os.kill(before[name]["pid"], signal.SIGKILL)
    lab.run("up")
    after = lab.status()
    assert [after[name]["restarts"] for name in ("agent", "payment-api", "user-service")] == [1, 1, 0]
    pids = [one["pid"] for one in after.values()]
    assert "nothing is left behind" in lab.run("down").stdout
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


def test_whoever_was_not_vouched_for_gets_no_identity(mac: tuple[str, ...], tmp_path: Path) -> None:
    command = [*mac, sys.executable, "-m", "finial.testing.attacks", str(tmp_path / "lab")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("none") == f"spiffe://example.org/ns/production/sa/{attacks.NAME}"
    assert len(found) == len(attacks.ATTACKS)
    assert set(found.values()) == {"no identity issued"}


def test_the_unix_attestor_tells_what_a_mac_tells(mac: tuple[str, ...]) -> None:
    """Supplementary groups are not among it: SPIRE 1.15 `workloadattestor/unix` tells them on Linux alone."""
    done = subprocess.run([*mac, sys.executable, "-c", ATTESTED], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    kinds = [one.split(":")[1] for one in json.loads(done.stdout)]
    assert [one for one in kinds if one not in ("user", "group")] == ["uid", "gid", "path", "sha256"]
    assert f"unix:uid:{os.geteuid()}" in done.stdout
    assert f"unix:path:{os.path.realpath(sys.executable)}" in done.stdout
