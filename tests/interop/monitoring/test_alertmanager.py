"""Alertmanager: amtool accepts its configuration, each severity takes its way, and a real one keeps quiet what follows
from what it already tells."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.interop.monitoring.conftest import TIMEOUT, free_port, running

CONFIG = Path(__file__).parents[3] / "deploy" / "monitoring" / "alertmanager" / "alertmanager.yml"
PACKAGE = "prometheus-alertmanager"
DebianProgram = Callable[[str, str], Path]
pytestmark = [pytest.mark.interop, pytest.mark.slow]
ROUTES = {
    "critical": "on-call,escalation",
    "warning": "team",
    "info": "record",
    "unheard-of": "team",
}
# What is told -> what is not, beside it; of one cluster and instance.
QUIET = [
    ("SPIREServerDown", "SPIREAgentNotInStep"),
    ("SPIREAgentsDownMany", "SPIREAgentDown"),
    ("SPIREDatabaseOutage", "SPIREDatabaseErrors"),
    ("PostgreSQLDown", "SPIREDatabaseOutage"),
    ("PostgreSQLStorageFull", "PostgreSQLStorageHigh"),
    ("SPIREPropagationBudgetBurnsFast", "SPIREPropagationBudgetBurnsSlowly"),
    ("CertificateExpired", "CertificateExpiringSoon"),
]


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def amtool(debian_program: DebianProgram) -> Path:
    return debian_program(PACKAGE, "amtool")


def test_amtool_accepts_it(amtool: Path) -> None:
    assert "SUCCESS" in run(amtool, "check-config", CONFIG)


@pytest.mark.parametrize("severity", ROUTES)
def test_each_severity_takes_its_way(amtool: Path, severity: str) -> None:
    routes = (f"--config.file={CONFIG}", f"--verify.receivers={ROUTES[severity]}")
    run(amtool, "config", "routes", "test", *routes, f"severity={severity}", "alertname=SPIREServerDown")


@pytest.fixture(scope="module")
def alertmanager(debian_program: DebianProgram, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address. The secrets that it is told to read are empty; nothing is sent before their route's wait is over."""
    folder, port = tmp_path_factory.mktemp("alertmanager"), free_port()
    shutil.copy(CONFIG, folder)
    url = f"http://127.0.0.1:{port}"
    options = (f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data")
    listen = (f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=")
    with running(folder / "log", *at_home(debian_program(PACKAGE, PACKAGE)), *options, *listen):
        give_up = time.monotonic() + TIMEOUT
        while not ready(url):
            assert time.monotonic() < give_up, (folder / "log").read_text()
            time.sleep(0.2)
        yield url


def at_home(program: Path) -> tuple[str | Path, ...]:
    """How to start a program that looks for its package's files below /usr/share: they are laid over, for it alone."""
    share = program.parents[1] / "share"
    if share == Path("/usr/share"):
        return (program,)
    lay = f'mount -t overlay overlay -o "lowerdir={share}:/usr/share" /usr/share && exec "$@"'
    return ("unshare", "--map-root-user", "--mount", "sh", "-c", lay, "sh", program)


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def suppressed(url: str, cluster: str) -> dict[str, bool]:
    """By alert, whether it is kept quiet for another."""
    found = httpx.get(
        f"{url}/api/v2/alerts", params={"filter": f'cluster="{cluster}"'}, trust_env=False
    ).json()
    return {one["labels"]["alertname"]: bool(one["status"]["inhibitedBy"]) for one in found}


@pytest.mark.parametrize(("told", "quiet"), QUIET, ids=[quiet for _, quiet in QUIET])
def test_what_follows_is_not_told_beside_its_cause(alertmanager: str, told: str, quiet: str) -> None:
    for cluster, names in ((f"both-{quiet}", (told, quiet)), (f"alone-{quiet}", (quiet,))):
        labels = {"cluster": cluster, "instance": "one", "kind": "agent_svid", "severity": "critical"}
        alerts = [{"labels": labels | {"alertname": name}} for name in names]
        sent = httpx.post(f"{alertmanager}/api/v2/alerts", json=alerts, trust_env=False)
        assert sent.status_code == 200, sent.text
        give_up = time.monotonic() + TIMEOUT
        wanted = {told: False, quiet: True} if told in names else {quiet: False}
        while suppressed(alertmanager, cluster) != wanted:
            assert time.monotonic() < give_up, suppressed(alertmanager, cluster)
            time.sleep(0.1)
