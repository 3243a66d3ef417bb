"""`finial.configuration.v1.Configuration`: a changed file, taken or only compared, asked for on the private socket.

The file is the one that the server was started with, by the same flags: the caller names none. What may hold a
secret is not shown (`config/difference.py`). A file that is refused is an answer, not an error.
"""

from __future__ import annotations

from finial.config.difference import Change
from finial.config.reload import Plan, Reloader
from finial.config.server import ServerConfig
from finial.errors import FinialError
from finial.runtime.grpc import Stream
from finial.server.api.backend import request_of
from finial.server.api.caller import Caller, current
from finial.wire.pb.finial.configuration.v1 import configuration_pb2 as api
from finial.wire.pb.finial.configuration.v1.configuration_grpc import ConfigurationBase


class ConfigurationService(ConfigurationBase):
    def __init__(self, reloader: Reloader[ServerConfig]) -> None:
        self._reloader = reloader

    async def Reload(self, stream: Stream[api.ReloadRequest, api.ReloadResponse]) -> None:
        request = await request_of(stream)
        call = current()
        call.audit(dry_run=request.dry_run)
        try:
            plan = await self._reloader.reload(process_of(call.caller), dry_run=request.dry_run)
        except FinialError as why:
            answer = api.ReloadResponse(problem=why.message)
        else:
            answer = answer_of(plan, dry_run=request.dry_run)
        call.audit(applied=answer.applied)
        await stream.send_message(answer)


def process_of(caller: Caller) -> str:
    """Who asked, for the log."""
    return "" if caller.peer is None else f"pid {caller.peer.pid}, uid {caller.peer.uid}"


def answer_of(plan: Plan[ServerConfig], *, dry_run: bool) -> api.ReloadResponse:
    return api.ReloadResponse(
        differences=[difference(one, plan) for one in plan.changes],
        warnings=plan.wanted.warnings,
        applied=not (dry_run or plan.fixed),
    )


def difference(change: Change, plan: Plan[ServerConfig]) -> api.Difference:
    place = plan.wanted.places.get(change.option)
    return api.Difference(
        option=change.option,
        old=change.old,
        new=change.new,
        needs_restart=change in plan.fixed,
        place=str(place) if place else "",
    )
