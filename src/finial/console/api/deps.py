"""What handlers ask for: the console's parts, who is signed in, and whether that one may change anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from finial.console.access import Access, Role, Session
from finial.console.observatory import Observatory

COOKIE = "finial_session"
CSRF_HEADER = "x-csrf-token"


@dataclass(frozen=True, slots=True)
class Parts:
    """`agent_socket`: of an agent on this machine, for `explain`; empty: there is none. `secure`: cookies for TLS
    alone."""

    seen: Observatory
    access: Access
    agent_socket: str = ""
    server_socket: str = ""
    secure: bool = False

    @property
    def now(self) -> float:
        return self.seen.clock.unix()


def parts_of(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


def signed_in(request: Request) -> Session:
    """Raises: Unauthenticated."""
    parts = parts_of(request)
    return parts.access.session(request.cookies.get(COOKIE, ""), parts.now)


def may_change(request: Request) -> Session:
    """Raises: Unauthenticated, PermissionDenied."""
    session = signed_in(request)
    session.require(Role.ADMIN)
    session.require_csrf(request.headers.get(CSRF_HEADER, ""))
    return session


InUse = Annotated[Parts, Depends(parts_of)]
Viewer = Annotated[Session, Depends(signed_in)]
Admin = Annotated[Session, Depends(may_change)]
