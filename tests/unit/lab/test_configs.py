from __future__ import annotations

from pathlib import Path

from finial.config.agent import load_agent
from finial.config.server import load_server
from finial.config.telemetry import Prometheus
from finial.lab.configs import agent_conf, quoted, server_conf
from finial.lab.place import Place
from finial.lab.topology import LAB

PORTS = {"server": 18081, "server-metrics": 19988, "agent-metrics": 19989}
PLACE = Place(Path('/home/ada/my "lab"'), Path("/run/lab"))


def test_the_server_reads_its_file() -> None:
    config = load_server(server_conf(PLACE, LAB, "127.0.0.1", PORTS), "server.conf")
    assert (config.server.bind_address, config.server.bind_port) == ("127.0.0.1", 18081)
    assert config.server.trust_domain == LAB.trust_domain
    assert config.server.data_dir == str(PLACE.data("server"))
    assert config.server.socket_path == "/run/lab/server.sock"
    assert {(one.type, one.name) for one in config.plugins if one.type != "DataStore"} == {
        ("KeyManager", "disk"),
        ("NodeAttestor", "join_token"),
    }
    assert config.telemetry.prometheus == Prometheus(host="127.0.0.1", port=19988)
    assert not config.warnings


def test_the_agent_reads_its_file() -> None:
    config = load_agent(agent_conf(PLACE, LAB, "127.0.0.1", PORTS), "agent.conf")
    assert (config.agent.server_address, config.agent.server_port) == ("127.0.0.1", 18081)
    assert config.agent.join_token_file == str(PLACE.join_token)
    assert config.agent.trust_bundle_path == str(PLACE.bundle)
    assert config.telemetry.prometheus == Prometheus(host="127.0.0.1", port=19989)
    assert ("WorkloadAttestor", "launcher") in {(one.type, one.name) for one in config.plugins}


def test_text_is_quoted() -> None:
    assert quoted('a "b" \\ c') == '"a \\"b\\" \\\\ c"'
    assert quoted(Path("/ä")) == '"/ä"'
