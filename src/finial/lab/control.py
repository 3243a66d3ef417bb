"""The launcher's control socket: one request a connection, answered by records.

    {"verb": "status"}            one record
    {"verb": "wait"}              one record, once every service has talked
    {"verb": "verify"}            a record for each check, then {"done": true}
    {"verb": "restart", "name"}   one record, once that process ended

Mode 0600 in a private folder, and the caller's user is compared: ours, or root.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from finial.errors import FinialError, InvalidArgument, NotFound, PermissionDenied
from finial.lab.channel import LONGEST, Channel, Record, failure
from finial.lab.verification import Verification
from finial.runtime.sockets import listen_unix
from finial.runtime.tasks import Tasks

if TYPE_CHECKING:
    from finial.lab.domain import Domain


class Control:
    """Listens while it is entered."""

    def __init__(self, path: Path, domain: Domain) -> None:
        self._path, self._domain = path, domain
        self._tasks = Tasks(lambda name, why: domain.log.error("Task failed", task=name, error=why))
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        sock = listen_unix(self._path, mode=0o600, dir_mode=0o700)
        self._server = await asyncio.start_unix_server(self._accept, sock=sock, limit=LONGEST)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        await self._tasks.close()
        self._path.unlink(missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.start(self._serve(Channel(reader, writer)), name="control")

    async def _serve(self, channel: Channel) -> None:
        async with channel:
            with contextlib.suppress(FinialError):  # the caller left
                try:
                    if channel.peer_uid() not in (0, os.geteuid()):
                        raise PermissionDenied("this lab is another user's")
                    await self._answer(channel, await channel.receive() or {})
                except FinialError as why:
                    await channel.send(failure(why))

    async def _answer(self, channel: Channel, request: Record) -> None:
        match request.get("verb"):
            case "status":
                await channel.send(status_of(self._domain))
            case "wait":
                await self._domain.until_talked()
                await channel.send(status_of(self._domain))
            case "verify":
                async with aclosing(Verification(self._domain).run()) as checks:
                    async for check in checks:
                        await channel.send(check)
                await channel.send({"done": True})
            case "restart":
                await restart(self._domain, str(request.get("name", "")))
                await channel.send({"done": True})
            case other:
                raise InvalidArgument(f'the launcher knows no verb "{other}"')


def status_of(domain: Domain) -> Record:
    """Every process and, of services, what they told last."""
    return {
        "trust_domain": domain.topology.trust_domain.name,
        "database": domain.state.database,
        "phases": dict(domain.state.phases),
        "processes": [
            {
                "name": one.name,
                "pid": one.child.started.pid if one.child else None,
                "port": domain.state.ports.get(one.name),
                "metrics_port": domain.state.ports.get(f"{one.name}-metrics"),
                "up": one.up.is_set(),
                "restarts": one.restarts,
                "problem": one.problem,
                **domain.statuses.get(one.name, {}),
            }
            for one in domain.kept
        ],
    }


async def restart(domain: Domain, name: str) -> None:
    """Ends a process, which is then started again. Raises: NotFound."""
    for one in domain.kept:
        if one.name == name and one.child is not None:
            await one.child.end()
            return
    raise NotFound(f'no process is called "{name}": there are {", ".join(one.name for one in domain.kept)}')
