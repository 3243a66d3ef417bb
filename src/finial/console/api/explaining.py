"""`finial explain` as a form: asked of the agent on the console's own machine, and of the server."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from finial.console.access import Role
from finial.console.api.deps import InUse, Viewer
from finial.console.views.model import Model
from finial.doctor.explain import Question, explain
from finial.doctor.explain.look import look
from finial.errors import InvalidArgument
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector

router = APIRouter(prefix="/api", tags=["explain"])


class ExplainRequest(Model):
    """By `pid`, which is one of the console's machine, or by `selectors`. `agent_id`: whose process it would be."""

    pid: int | None = Field(None, ge=1, le=2**31 - 1)
    selectors: list[str] = Field(default_factory=list, max_length=64)
    spiffe_id: str = Field("", max_length=2048)
    hint: str = Field("", max_length=1024)
    agent_id: str = Field("", max_length=2048)


@router.post("/explain")
async def post_explain(asked: ExplainRequest, viewer: Viewer, parts: InUse) -> dict[str, Any]:
    """Why a process has no identity: each step, the entries that nearly fit, and one remedy. Who may only look asks by
    selectors; a process of this machine may be somebody else's."""
    if asked.pid is not None:
        viewer.require(Role.ADMIN)
    if asked.pid is None and not asked.selectors:
        raise InvalidArgument("name a process, or what it would have")
    question = Question(
        asked.pid,
        tuple(Selector.parse(one) for one in asked.selectors),
        SpiffeId.parse(asked.spiffe_id) if asked.spiffe_id else None,
        asked.hint,
        SpiffeId.parse(asked.agent_id) if asked.agent_id else None,
    )
    local = asked.pid is not None or not asked.agent_id
    scene = await look(
        question,
        parts.seen.clock,
        agent_socket=parts.agent_socket if local else "",
        server_socket=parts.server_socket,
    )
    return dict(explain(scene).record())
