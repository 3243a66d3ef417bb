"""A real server in a test's own loop: free port, own folder, memory keys; and who may call it.

async with server(tmp_path) as running:
    async with running.admin() as api: ...
    agent = await attest(running)
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict, TypeVar, Unpack

from cryptography.hazmat.primitives.asymmetric import ec

from finial.config.server import ServerConfig, load_server
from finial.errors import Internal
from finial.runtime.clock import SystemClock
from finial.runtime.grpc import Channel
from finial.runtime.log import Level, Output
from finial.runtime.tls import FollowingContext, Material
from finial.server.api.configuration import ConfigurationService
from finial.server.main import kinds
from finial.server.program import Kinds, Server
from finial.server.reload import reloader
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import csr
from finial.svid.x509 import X509Svid, private_key_to_pkcs8
from finial.wire.convert.svid import x509_svid_from_wire
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentStub
from finial.wire.status import DetailsCodec

T = TypeVar("T")
TRUST_DOMAIN = TrustDomain("example.org")
CONF = """
server {{
  trust_domain = "example.org"
  data_dir = "{folder}/data"
  socket_path = "{folder}/api.sock"
  bind_address = "127.0.0.1"
  bind_port = {port}
  log_level = "DEBUG"
  ratelimit {{ attestation = {limited} }}
  {options}
}}
plugins {{
  DataStore "sql" {{ plugin_data {{ database_type = "sqlite3" connection_string = "{database}" {datastore} }} }}
  KeyManager "memory" {{ plugin_data {{}} }}
  NodeAttestor "join_token" {{ plugin_data {{}} }}
  {plugins}
}}
telemetry {{
  {telemetry}
}}
"""


@dataclass(slots=True)
class Running:
    """A server that serves, and ways to call it."""

    server: Server
    log: io.StringIO = field(repr=False)

    @property
    def lines(self) -> list[str]:
        """What it logged so far."""
        return self.log.getvalue().splitlines()

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[Channel]:
        """The admin socket."""
        channel = Channel(path=str(self.server.socket_path), details_codec=DetailsCodec())
        async with channel:
            yield channel

    @asynccontextmanager
    async def remote(self, caller: Identity | None = None) -> AsyncIterator[Channel]:
        """TCP, with the caller's certificate if there is one."""
        bundle = self.server.follower.view.bundles[TRUST_DOMAIN]
        chain, key = (caller.svid.chain, caller.key_bytes) if caller else ((), b"")
        context = FollowingContext(
            Material({TRUST_DOMAIN.name: bundle.x509_roots}, chain, key), require_server
        )
        channel = Channel("127.0.0.1", self.server.port, ssl=context, details_codec=DetailsCodec())
        async with channel:
            yield channel


@dataclass(frozen=True, slots=True)
class Identity:
    """An SVID and its key."""

    svid: X509Svid
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def key_bytes(self) -> bytes:
        return private_key_to_pkcs8(self.key)

    @property
    def id(self) -> SpiffeId:
        return self.svid.id


def require_server(peer: SpiffeId) -> None:
    if not peer.is_server:
        raise Internal(f'"{peer}" is not the server')


class Lines(TypedDict, total=False):
    """What differs in a server's file. `plugins`, `telemetry`: blocks of those sections; `limited`: one attestation a
    second, as by default; `database`: another server's, to share, or the address of a PostgreSQL database, with
    `datastore`, further options of it."""

    limited: bool
    port: int
    database: Path | str | None
    datastore: str
    plugins: str
    telemetry: str


@asynccontextmanager
async def server(
    folder: Path,
    options: str = "",
    *,
    kinds: Kinds = kinds,
    read: Callable[[], ServerConfig] | None = None,
    **lines: Unpack[Lines],
) -> AsyncIterator[Running]:
    """`options` are lines of section `server`. The folder may hold the data of a server before. `kinds`: the plugins
    that it knows. `read`: what its file says now, for a reload by command."""
    config = config_of(folder, options, **lines)
    log = io.StringIO()
    output = Output(log, now=SystemClock().now, level=Level.DEBUG, strict=True)
    running = Server(config, output, kinds)
    if read is not None:
        running.local.append(ConfigurationService(reloader(running, read)))
    await running.start()
    try:
        yield Running(running, log)
    finally:
        await running.stop()


def config_of(folder: Path, options: str = "", **lines: Unpack[Lines]) -> ServerConfig:
    return load_server(text_of(folder, options, **lines), "server.conf")


def text_of(folder: Path, options: str = "", **lines: Unpack[Lines]) -> str:
    """The file."""
    database = lines.get("database")
    text = CONF.format(
        folder=folder,
        options=options,
        limited="true" if lines.get("limited") else "false",
        port=lines.get("port", 0),
        database=database or folder / "data.sqlite3",
        datastore=lines.get("datastore", ""),
        plugins=lines.get("plugins", ""),
        telemetry=lines.get("telemetry", ""),
    )
    return text.replace('"sqlite3"', '"postgres"') if isinstance(database, str) else text


def play(
    folder: Path, scene: Callable[[Running], Awaitable[T]], options: str = "", *, limited: bool = False
) -> T:
    """One scene at a server of its own."""

    async def run() -> T:
        async with server(folder, options, limited=limited) as running:
            return await scene(running)

    return asyncio.run(run())


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


async def token(running: Running, **fields: object) -> str:
    """A join token made on the admin socket."""
    request = agent_pb2.CreateJoinTokenRequest(ttl=600)
    request.MergeFrom(agent_pb2.CreateJoinTokenRequest(**fields))  # type: ignore[arg-type]
    async with running.admin() as channel:
        return (await AgentStub(channel).CreateJoinToken(request)).value


async def attest(running: Running, value: str | None = None) -> Identity:
    """As an agent with a join token does: over TLS, without a certificate."""
    key = new_key()
    request = agent_pb2.AttestAgentRequest()
    request.params.data.type = "join_token"
    request.params.data.payload = (value or await token(running)).encode()
    request.params.params.csr = csr.create(key)
    async with running.remote() as channel, AgentStub(channel).AttestAgent.open() as stream:
        await stream.send_message(request, end=True)
        answer = await stream.recv_message()
        await stream.recv_trailing_metadata()
    if answer is None:
        raise Internal("attestation: no answer")
    return Identity(x509_svid_from_wire(answer.result.svid), key)
