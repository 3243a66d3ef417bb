"""Configurations of Prometheus: promtool accepts them, and a real one finds and reads what it should by them."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from ssl import DER_cert_to_PEM_cert
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from finial.runtime.grpc import unary
from finial.spiffe.id import SpiffeId
from finial.svid import csr
from finial.testing.ca import TestCa
from finial.testing.server import new_key, server
from finial.wire.pb.spire.api.server.svid.v1 import svid_pb2
from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDStub

MONITORING = Path(__file__).parents[3] / "deploy" / "monitoring"
KUBELET = ("kubelet", "cadvisor")
READER = "spiffe://example.org/prometheus"
DebianProgram = Callable[[str, str], Path]
pytestmark = [pytest.mark.interop, pytest.mark.slow]


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def copied(folder: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """A configuration of ours beside its rules and files that stand for a reader's identity."""
    shutil.copytree(MONITORING / "prometheus", folder, dirs_exist_ok=True)
    (folder / "tls").mkdir()
    certificate, key = TestCa("web.test").leaf(dns=["localhost"]).write(folder / "tls", "svid")
    Path(certificate).rename(folder / "tls" / "svid.pem")
    Path(key).rename(folder / "tls" / "svid_key.pem")
    shutil.copy(folder / "tls" / "svid.pem", folder / "tls" / "web-ca.pem")
    return folder / name, yaml.safe_load((folder / name).read_text())


def write(path: Path, config: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(config))


def without_kubernetes(config: dict[str, Any]) -> None:
    """Debian's Prometheus is built without Kubernetes: what is found by it is given by hand."""
    for one in (*config["scrape_configs"], *config["alerting"]["alertmanagers"]):
        if one.pop("kubernetes_sd_configs", None):
            one["static_configs"] = [{"targets": []}]
        one.pop("authorization", None)
        if one.get("job_name") in KUBELET:
            one.pop("tls_config")


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus-spiffe.yml", "prometheus-kubernetes.yml"])
def test_promtool_accepts_it(debian_program: DebianProgram, tmp_path: Path, name: str) -> None:
    path, config = copied(tmp_path / "prometheus", name)
    if "kubernetes" in name:
        without_kubernetes(config)
        write(path, config)
    assert "rule files found" in run(debian_program("prometheus", "promtool"), "check", "config", path)


def pod(name: str, container: str, port: str, number: int = 9988) -> dict[str, Any]:
    return {
        "targets": [f"127.0.0.1:{number}"],
        "labels": {
            "__meta_kubernetes_namespace": "spire-server",
            "__meta_kubernetes_pod_name": name,
            "__meta_kubernetes_pod_node_name": "node-1",
            "__meta_kubernetes_pod_container_name": container,
            "__meta_kubernetes_pod_container_port_name": port,
            "__meta_kubernetes_pod_container_port_number": str(number),
        },
    }


def test_pods_are_told_apart(prometheus: Callable[[Path], Any], tmp_path: Path) -> None:
    path, config = copied(tmp_path / "prometheus", "prometheus-kubernetes.yml")
    pods = [
        pod("spire-server-0", "spire-server", "prom"),
        pod("spire-server-0", "spire-server", "grpc", 8081),
        pod("spire-server-0", "spire-controller-manager", "prom", 8082),
        pod("spire-agent-x", "spire-agent", "metrics"),
        pod("spire-postgresql-0", "metrics", "http", 9187),
    ]
    without_kubernetes(config)
    for one in config["scrape_configs"]:
        one["static_configs"] = [] if one["job_name"] in KUBELET else pods
    write(path, config)
    started = prometheus(path)

    def targets() -> set[tuple[str, str, str]]:
        labels = [one["labels"] for one in started.get("targets")["activeTargets"]]
        return {(one["job"], one["instance"], one.get("node", "")) for one in labels}

    started.until(lambda: bool(targets()), "finding of targets")
    assert targets() == {
        ("spire-server", "spire-server/spire-server-0", "node-1"),
        ("spire-agent", "spire-server/spire-agent-x", "node-1"),
        ("postgres", "spire-server/spire-postgresql-0", ""),
    }


@pytest.mark.timeout(120)
def test_endpoints_are_read_over_mutual_tls(prometheus: Callable[[Path], Any], tmp_path: Path) -> None:
    path, config = copied(tmp_path / "prometheus", "prometheus-spiffe.yml")
    web = TestCa("web.test")
    certificate, key = web.leaf(dns=["localhost"]).write(tmp_path, "web")
    web.write(path.parent / "tls" / "web-ca.pem")
    files = f'cert_file = "{certificate}" key_file = "{key}"'
    readers = f'authorized_spiffe_ids = ["{READER}"]'

    async def scenario() -> dict[str, list[str]]:
        (tmp_path / "shown").mkdir()
        (tmp_path / "own").mkdir()
        async with (
            server(tmp_path / "shown", telemetry=f"Prometheus {{ tls {{ {files} {readers} }} }}") as shown,
            server(
                tmp_path / "own", telemetry=f"Prometheus {{ tls {{ use_spire_svid = true {readers} }} }}"
            ) as own,
        ):
            found: dict[str, list[str]] = {}
            for running, job in ((shown, "spire-server"), (own, "spire-agent")):
                tls = path.parent / "tls" / job
                tls.mkdir()
                await identity(running, tls)
                one = next(one for one in config["scrape_configs"] if one["job_name"] == job)
                one["tls_config"] |= {"cert_file": f"{tls}/svid.pem", "key_file": f"{tls}/svid_key.pem"}
                one["static_configs"] = [{"targets": [f"localhost:{port_of(running)}"]}]
            stranger = dict(config["scrape_configs"][0], job_name="stranger")
            stranger["tls_config"] = {"ca_file": str(path.parent / "tls" / "web-ca.pem")}
            config["scrape_configs"].append(stranger)
            config["global"]["scrape_interval"] = "1s"
            write(path, config)
            found = await asyncio.to_thread(read, prometheus(path))
            return found

    health = asyncio.run(scenario())
    assert health == {"spire-server": ["up"], "spire-agent": ["up"], "stranger": ["down"]}


def read(started: Any) -> dict[str, list[str]]:
    def health() -> dict[str, list[str]]:
        targets = started.get("targets")["activeTargets"]
        return {one["labels"]["job"]: [one["health"]] for one in targets}

    started.until(lambda: bool(health()) and ["unknown"] not in health().values(), "a look at each endpoint")
    return health()


def port_of(running: Any) -> str:
    found = re.search(r'msg="Starting prometheus exporter" host=\S+ port=(\d+)', "\n".join(running.lines))
    assert found
    return found[1]


async def identity(running: Any, folder: Path) -> None:
    """The reader's SVID, minted by that server, in files."""
    key = new_key()
    asked = csr.create(key, SpiffeId.parse(READER))
    async with running.admin() as channel:
        request = svid_pb2.MintX509SVIDRequest(csr=asked, ttl=600)
        chain = (await unary(SVIDStub(channel).MintX509SVID, request)).svid.cert_chain
    (folder / "svid.pem").write_text("".join(map(DER_cert_to_PEM_cert, chain)))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "svid_key.pem").write_bytes(pem)
