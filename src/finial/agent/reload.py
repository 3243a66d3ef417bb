"""What an agent takes from its changed file while it runs: the table, and the step that cannot fail halfway.

When to renew counts for certificates that are issued from then on, the interval after the poll that is due next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from finial.agent.agent import Agent, AgentSettings
from finial.config.agent import AgentConfig
from finial.config.reload import Reloader
from finial.runtime.log import Logger, Output

LIVE = frozenset(
    f"agent.{name}"
    for name in (
        "log_level",
        "availability_target",
        "experimental.sync_interval",
        "experimental.svid_renewal_percent",
    )
)


@dataclass(slots=True)
class Running:
    """An agent, from before its start on, and the configuration in force."""

    agent: Agent
    config: AgentConfig
    output: Output

    def reloader(self, read: Callable[[], AgentConfig]) -> Reloader[AgentConfig]:
        return Reloader(read, lambda: self.config, self.use, LIVE, Logger(self.output))

    def use(self, config: AgentConfig) -> None:
        """What may fail comes first. `config` differs from the one in force by live options alone."""
        settings = timed(self.agent.settings, config)
        level_changes = config.agent.log_level != self.config.agent.log_level
        self.config = config
        self.agent.use(settings)
        if level_changes:
            self.output.level = self.output.launch_level = config.agent.log_level


def timed(settings: AgentSettings, config: AgentConfig) -> AgentSettings:
    """With the times of this configuration."""
    signing = replace(
        settings.signing, availability_target=config.availability_target, renewal_share=config.renewal_share
    )
    return replace(settings, signing=signing, sync_interval=config.sync_interval)
