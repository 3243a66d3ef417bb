"""What a running agent takes from its changed file."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from pathlib import Path

from finial.agent.agent import Agent, AgentSettings
from finial.agent.connection import ServerAddress
from finial.agent.reload import LIVE, Running
from finial.agent.sign import SigningOptions
from finial.config.agent import AgentConfig, load_agent
from finial.plugins.key.generation import generate
from finial.runtime.clock import SystemClock
from finial.runtime.log import Level, Output
from finial.spiffe.trust_domain import TrustDomain

DOMAIN = TrustDomain("example.org")


class IdleAgent(Agent):
    """One that was never started, and so needs neither a node nor a clock."""

    def __init__(self, settings: AgentSettings) -> None:
        self.settings = settings
        self._parts = None


def load(options: str = "") -> AgentConfig:
    base = 'trust_domain = "example.org" server_address = "s" server_port = 1 insecure_bootstrap = true'
    plugins = 'KeyManager "memory" {} NodeAttestor "join_token" {} WorkloadAttestor "unix" {}'
    return load_agent(f"agent {{ {base} {options} }} plugins {{ {plugins} }}", "agent.conf")


def idle() -> tuple[Running, io.StringIO]:
    log = io.StringIO()
    signing = SigningOptions(generate, random.uniform)
    agent = IdleAgent(AgentSettings(ServerAddress("s", 1, DOMAIN), Path("s"), signing))
    return Running(agent, load(), Output(log, now=SystemClock().now, strict=True)), log


def test_every_live_option_is_in_force_at_once() -> None:
    running, log = idle()
    before = running.agent.settings
    config = load(
        """log_level = "warn" availability_target = "24h"
        experimental { sync_interval = "9s" svid_renewal_percent = 60 }"""
    )
    running.reloader(lambda: config).consider(config, "test")
    signing = replace(before.signing, availability_target=86400.0, renewal_share=0.6)
    assert running.agent.settings == replace(before, signing=signing, sync_interval=9.0)
    assert (running.output.level, running.output.launch_level) == (Level.WARNING, Level.WARNING)
    assert {one for one in LIVE if f"option={one}" in log.getvalue()} == LIVE


def test_another_server_is_refused_by_name_and_nothing_changes() -> None:
    running, _ = idle()
    before = running.agent.settings
    config = load('server_address = "t" experimental { sync_interval = "9s" }')
    refusal = running.reloader(lambda: config).consider(config, "test").refusal
    assert "agent.server_address needs a restart: s -> t" in str(refusal)
    assert (running.agent.settings, running.config) == (before, load())
