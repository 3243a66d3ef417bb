"""A whole agent in the test's own process, over real sockets.

async with ScriptedServer() as server, RunningAgent(tmp_path, server.address, server.bundle,
                                                    server.new_token()) as agent:
    await agent.serving()
    context = await agent.workload_api().fetch_x509()
"""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from finial.agent.agent import SERVICE, Agent, AgentSettings
from finial.agent.attestation import WorkloadAttestation
from finial.agent.bootstrap import FirstTrust
from finial.agent.connection import ServerAddress
from finial.agent.identity import AgentKeys
from finial.agent.rebootstrap import Mode
from finial.agent.sign import SigningOptions
from finial.agent.start import Node, NodeMethod
from finial.agent.storage import Storage
from finial.client.workload import WorkloadApi
from finial.plugin.kinds import WorkloadAttestor
from finial.plugins.key import disk
from finial.plugins.key.generation import generate
from finial.plugins.node.join_token.agent import JoinTokenAttestor
from finial.plugins.workload import unix
from finial.runtime.clock import Clock, SystemClock
from finial.runtime.log import Level, Logger, Output
from finial.runtime.metrics import Export, Exporter
from finial.runtime.tasks import Tasks
from finial.spiffe import bundle_document
from finial.spiffe.bundle import Bundle


class RunningAgent:
    """Attests by join token unless told; keys and data are in `directory`, so that a second one goes on where it ended.

    Workloads are attested by `unix` unless told. `task` is the agent's run: await it to see why it ended.
    """

    def __init__(
        self,
        directory: Path,
        server: ServerAddress,
        bundle: Bundle,
        token: str = "",
        *,
        node_method: NodeMethod | None = None,
        attestors: Mapping[str, WorkloadAttestor] | None = None,
        settings: Mapping[str, object] | None = None,
        clock: Clock | None = None,
        rebootstrap: tuple[Mode, timedelta] = (Mode.NEVER, timedelta()),
    ) -> None:
        self.clock = clock or SystemClock()
        self.text = io.StringIO()
        self.socket = directory / "api.sock"
        trust = directory / "bundle.pem"
        trust.write_bytes(bundle_document.encode_pem(bundle.x509_roots))
        log = Logger(Output(self.text, now=self.clock.now, level=Level.DEBUG, strict=True))
        exporter = Exporter(Export(SERVICE), self.clock, log)
        self.metrics = exporter.metrics
        node = Node(
            server,
            Storage(directory),
            AgentKeys(disk.Disk(disk.AgentConfig(directory=str(directory)))),
            node_method or NodeMethod("join_token", JoinTokenAttestor(token)),
            FirstTrust(str(trust)),
            self.clock,
            log,
            self.metrics,
            rebootstrap=rebootstrap,
        )
        chosen = attestors if attestors is not None else {"unix": unix.UnixAttestor(unix.Config())}
        made = AgentSettings(
            server, self.socket, SigningOptions(generate, random.uniform), sync_interval=0.05
        )
        self.agent = Agent(
            replace(made, **(settings or {})),  # type: ignore[arg-type]
            node,
            WorkloadAttestation(chosen, log, self.metrics),
            self.clock,
            log,
            exporter,
        )
        self._tasks = Tasks(lambda _name, _error: None)

    @property
    def log(self) -> str:
        return self.text.getvalue()

    @property
    def agent_path(self) -> str:
        """`/spire/agent/join_token/...`, as it told when it attested."""
        _, _, rest = self.log.partition('Node attestation was successful"')
        return "/spire/agent" + rest.partition("/spire/agent")[2].partition('"')[0]

    async def __aenter__(self) -> Self:
        self.task = self._tasks.start(self.agent.run(), name="agent")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.close()

    async def serving(self, timeout: float = 10.0) -> None:
        """Returns once workloads may call. Raises: what the agent ended with."""
        await self.until(lambda: self.agent.serving, timeout)

    async def until_logged(self, text: str, timeout: float = 10.0) -> None:
        await self.until(lambda: text in self.log, timeout)

    async def until(self, condition: Callable[[], bool], timeout: float = 10.0) -> None:
        """`condition` is asked every few milliseconds. Raises: what the agent ended with; TimeoutError."""
        async with asyncio.timeout(timeout):
            while not condition():
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.005)

    def workload_api(self) -> WorkloadApi:
        """As a workload of this very process calls."""
        return WorkloadApi(f"unix://{self.socket}")
