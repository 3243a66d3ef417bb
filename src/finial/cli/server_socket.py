"""How a command reaches the server: the socket's path from flags or environment, errors in SPIRE's words.

SPIRE 1.15: `-instance` fills `SPIRE_SERVER_PRIVATE_SOCKET_TEMPLATE`; else `-socketPath`, else
`SPIRE_SERVER_PRIVATE_SOCKET`, else the default path; `finial` also finds a lab that runs (`lab_socket.py`).
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finial.cli.flags import flag
from finial.cli.lab_socket import default_or_lab
from finial.cli.rpc_errors import as_rpc_error
from finial.errors import FinialError, InvalidArgument

if TYPE_CHECKING:
    from finial.wire.client import ServerApi

DEFAULT_SOCKET = "/tmp/spire-server/private/api.sock"  # noqa: S108 - SPIRE's default, for its scripts
ENVIRONMENT = "SPIRE_SERVER_PRIVATE_SOCKET"
TEMPLATE = "SPIRE_SERVER_PRIVATE_SOCKET_TEMPLATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFlags:
    """The flags that every command of the server's socket has."""

    socket_path: str = flag(
        "",
        f"Path to the SPIRE Server API socket (default {DEFAULT_SOCKET}, or ${ENVIRONMENT})",
        name="socketPath",
    )
    instance: str = flag("", f"Instance name that replaces %i in ${TEMPLATE}")


def socket_path(flags: ServerFlags, environment: Mapping[str, str] = os.environ) -> str:
    """Raises: InvalidArgument if an instance is given without a template."""
    if flags.instance:
        template = environment.get(TEMPLATE, "")
        if not template:
            raise InvalidArgument(f"you must define {TEMPLATE} to use the instance flag")
        return template.replace("%i", flags.instance)
    named = flags.socket_path or environment.get(ENVIRONMENT, "")
    return named or default_or_lab(DEFAULT_SOCKET, "server", environment)


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
