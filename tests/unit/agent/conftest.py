"""An attested agent's parts, joined to a scripted server."""

from __future__ import annotations

import io
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from finial.agent.attest import attest
from finial.agent.connection import ServerConnection
from finial.agent.contact import Contact
from finial.agent.identity import AgentIdentity, AgentKeys
from finial.agent.intake import Intake
from finial.agent.rebootstrap import Mode, Rebootstrap
from finial.agent.sign import Signer, SigningOptions
from finial.agent.storage import Storage
from finial.agent.svids import Holdings
from finial.agent.watch import Watch
from finial.plugins.key.generation import generate
from finial.plugins.key.memory import Memory
from finial.plugins.node.join_token.agent import JoinTokenAttestor
from finial.runtime.log import Level, Logger, Output
from finial.runtime.metrics import Metrics
from finial.spiffe.bundle import Bundle
from finial.testing.metrics import unread
from finial.testing.scripted_server import ScriptedServer


@dataclass
class Parts:
    server: ScriptedServer
    connection: ServerConnection
    identity: AgentIdentity
    keys: AgentKeys
    holdings: Holdings
    signer: Signer
    intake: Intake
    watch: Watch
    logger: Logger
    metrics: Metrics
    text: io.StringIO
    bundles: list[tuple[Bundle, bool]]
    trust: Rebootstrap
    contact: Contact

    @property
    def log(self) -> str:
        return self.text.getvalue()


Joined = Callable[[ScriptedServer], AbstractAsyncContextManager[Parts]]


@asynccontextmanager
async def join(folder: Path, server: ScriptedServer) -> AsyncIterator[Parts]:
    keys = AgentKeys(Memory())
    slot, key = await keys.generate(None)
    found = await attest(
        server.address, server.bundle, "join_token", JoinTokenAttestor(server.new_token()), key
    )
    identity = AgentIdentity(found.svid, key, slot, found.reattestable)
    text = io.StringIO()
    logger = Logger(Output(text, now=server.clock.now, level=Level.DEBUG, strict=True))
    connection = ServerConnection(server.address, server.bundle, identity)
    holdings = Holdings(found.bundle)
    options = SigningOptions(generate, random.uniform)
    metrics = unread(server.clock)
    signer = Signer(connection, holdings, options, server.clock, logger, metrics)
    bundles: list[tuple[Bundle, bool]] = []
    intake = Intake(
        holdings,
        connection,
        signer,
        lambda bundle, tainted: bundles.append((bundle, tainted)),
        server.clock,
        logger,
        metrics,
    )
    contact = Contact(server.clock)
    watch = Watch(connection, intake, signer, contact, logger)
    trust = Rebootstrap(Mode.NEVER, timedelta(), Storage(folder), server.clock, logger)
    try:
        yield Parts(
            server,
            connection,
            identity,
            keys,
            holdings,
            signer,
            intake,
            watch,
            logger,
            metrics,
            text,
            bundles,
            trust,
            contact,
        )
    finally:
        await connection.aclose()


@pytest.fixture
def joined(tmp_path: Path) -> Joined:
    return partial(join, tmp_path)
