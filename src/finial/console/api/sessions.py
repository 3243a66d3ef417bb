"""Signing in by a link that works once, signing out, and who is signed in."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from finial.console.access import SESSION_LASTS, Role
from finial.console.api.deps import COOKIE, InUse, Viewer
from finial.console.api.page import ADDRESS
from finial.console.views.model import Model

router = APIRouter(tags=["session"])


class SessionModel(Model):
    """`csrf` goes with each change, as the header `X-CSRF-Token`."""

    subject: str
    role: Role
    ends_at: float
    csrf: str


@router.get("/login", include_in_schema=False)
async def login(token: str, parts: InUse) -> Response:
    cookie, _ = parts.access.follow(token, parts.now)
    answer = RedirectResponse(ADDRESS, 303)
    answer.set_cookie(
        COOKIE, cookie, max_age=int(SESSION_LASTS), httponly=True, samesite="strict", secure=parts.secure
    )
    return answer


@router.get("/api/session")
async def session(viewer: Viewer) -> SessionModel:
    """Who is signed in, until when, and the token of the page."""
    return SessionModel(subject=viewer.subject, role=viewer.role, ends_at=viewer.ends_at, csrf=viewer.csrf)


@router.delete("/api/session", status_code=204)
async def leave(viewer: Viewer, request: Request, response: Response, parts: InUse) -> None:
    """Signs out."""
    parts.access.close(request.cookies.get(COOKIE, ""))
    response.delete_cookie(COOKIE)
