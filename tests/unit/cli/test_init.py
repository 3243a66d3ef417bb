from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("asyncio", "grpclib", "google.protobuf", "cryptography", "uvloop", "rich", "click", "httpx")
NO_AGENT = """
agent {{
    trust_domain = "example.org"
    server_address = "127.0.0.1"
    insecure_bootstrap = true
    data_dir = "{data_dir}"
}}
plugins {{
    KeyManager "memory" {{ plugin_data {{}} }}
    NodeAttestor "join_token" {{ plugin_data {{}} }}
    WorkloadAttestor "unix" {{ plugin_data {{}} }}
}}
"""


def loaded(*words: str) -> set[str]:
    """The modules that are loaded after a command, in a process of its own."""
    code = (
        "import sys; from finial.cli import run; from finial.cli.console import Console\n"
        f"run({list(words)!r}, Console()); print('\\n'.join(sys.modules))"
    )
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split())


@pytest.mark.slow
def test_the_overview_loads_no_command_and_nothing_heavy() -> None:
    modules = loaded("--help")
    assert not modules & set(HEAVY)
    assert not {one for one in modules if one.startswith("finial.wire")}


@pytest.mark.slow
def test_a_command_loads_its_own_module_only() -> None:
    modules = loaded("version")
    assert "finial.cli.version" in modules
    assert "finial.cli.entry" not in modules
    assert not modules & {"grpclib", "cryptography", "uvloop"}


@pytest.mark.slow
def test_the_agent_loads_no_other_command_and_no_plugin_before_it_is_made(tmp_path: Path) -> None:
    config = tmp_path / "agent.conf"
    config.write_text(NO_AGENT.format(data_dir=config / "is no folder"))
    modules = loaded("agent", "run", "-config", str(config))
    assert "finial.agent.main" in modules
    assert not modules & {"finial.cli.api", "finial.cli.agents", "finial.cli.entry", "finial.client.workload"}
    assert not modules & {
        f"finial.plugins.node.{name}.agent" for name in ("x509pop", "sshpop", "http_challenge")
    }


@pytest.mark.slow
def test_a_strangers_certificate_makes_no_program_write_a_warning() -> None:
    code = (
        "import sys, warnings; from finial.cli import main; sys.argv = ['finial', 'version']\n"
        "try: main()\nexcept SystemExit: warnings.warn('a serial number of 0')"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).stderr == b""


@pytest.mark.slow
def test_the_overview_costs_less_than_100_ms() -> None:
    """Processor time, the best of five: other processes of the machine do not count."""

    def cost() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "finial", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(cost() for _ in range(5)) < 0.1
