"""How a command reaches the server: the flags that name its socket, its API, errors in SPIRE's words."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finial.cli.flags import flag
from finial.cli.output import read_format
from finial.cli.rpc_errors import as_rpc_error
from finial.cli.socket_path import Socket
from finial.errors import FinialError

if TYPE_CHECKING:
    from finial.wire.client import ServerApi

SOCKET = Socket(
    "server",
    default="/tmp/spire-server/private/api.sock",  # noqa: S108 - SPIRE's, for its scripts
    variable="SPIRE_SERVER_PRIVATE_SOCKET",
    template="SPIRE_SERVER_PRIVATE_SOCKET_TEMPLATE",
    no_template="you must define SPIRE_SERVER_PRIVATE_SOCKET_TEMPLATE to use the instance flag",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFlags:
    """The flags that every command of the server's socket has."""

    socket_path: str = flag(
        "",
        f"Path to the SPIRE Server API socket (default {SOCKET.default}, or ${SOCKET.variable})",
        name="socketPath",
    )
    instance: str = flag("", f"Instance name that replaces %i in ${SOCKET.template}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFlags(ServerFlags):
    """Of a command that shows what the server answered."""

    output: str = flag("pretty", "Desired output format (pretty, json)", read=read_format)


def socket_path(flags: ServerFlags, environment: Mapping[str, str] = os.environ) -> str:
    """Raises: InvalidArgument if an instance is given without a template."""
    return SOCKET.path(flags.socket_path, flags.instance, environment)


@asynccontextmanager
async def server(flags: ServerFlags) -> AsyncIterator[ServerApi]:
    """The server's API for one command; closed at the end."""
    from finial.wire.client import ServerApi

    async with ServerApi.at(socket_path(flags)) as api:
        yield api


@contextmanager
def calling(what: str = "") -> Iterator[None]:
    """An error of a call, as grpc-go prints it: `rpc error: code = NotFound desc = agent not found`."""
    try:
        yield
    except FinialError as error:
        raise as_rpc_error(error, what) from error
