"""Who may look, and who may change: links that work once, sessions that end, and two roles. Pure: times are arguments.

A link is made on the machine of the console, works once within ten minutes, and opens a session for twelve hours. A
session's cookie names it; a change needs, besides, the token that only a page of ours can read. Who guesses is slowed:
after ten wrong links within a minute no link is taken until the minute is over. All secrets are 256 bits, kept as
digests and compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import StrEnum

from finial.errors import PermissionDenied, ResourceExhausted, Unauthenticated

LINK_LASTS, SESSION_LASTS = 600.0, 12 * 3600.0  # seconds
MOST_LINKS, MOST_SESSIONS = 20, 1000
GUESSES, WITHIN = 10, 60.0


class Role(StrEnum):
    VIEWER = "viewer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Session:
    """`subject`: who it is, for people and for the audit. `csrf` is shown to the page alone."""

    subject: str
    role: Role
    ends_at: float
    csrf: str = field(repr=False)

    def require(self, role: Role) -> None:
        """Raises: PermissionDenied."""
        if role is Role.ADMIN and self.role is not Role.ADMIN:
            raise PermissionDenied(
                f'"{self.subject}" may look and not change', hint="sign in as one who is an admin here"
            )

    def require_csrf(self, given: str) -> None:
        """Raises: PermissionDenied."""
        if not hmac.compare_digest(self.csrf.encode(), given.encode()):
            raise PermissionDenied("the token of this page is missing or old", hint="load the page again")


@dataclass(frozen=True, slots=True)
class _Link:
    role: Role
    subject: str
    ends_at: float


class Access:
    """Links and sessions of one console, in memory: a restart ends them all."""

    def __init__(self) -> None:
        self._links: OrderedDict[bytes, _Link] = OrderedDict()
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()
        self._guesses: deque[float] = deque(maxlen=GUESSES)

    def link(self, role: Role, subject: str, now: float) -> str:
        """A token that opens one session."""
        token = secrets.token_urlsafe(32)
        self._links[_digest(token)] = _Link(role, subject, now + LINK_LASTS)
        while len(self._links) > MOST_LINKS:
            self._links.popitem(last=False)
        return token

    def follow(self, token: str, now: float) -> tuple[str, Session]:
        """The cookie of a new session. Raises: Unauthenticated; ResourceExhausted while somebody guesses."""
        if len(self._guesses) == GUESSES and now - self._guesses[0] < WITHIN:
            raise ResourceExhausted("too many wrong links", hint="wait a minute")
        link = self._links.pop(_digest(token), None)
        if link is None or link.ends_at <= now:
            self._guesses.append(now)
            raise Unauthenticated(
                "this link was used, or is too old", hint="`finial console link` makes another"
            )
        return self.open(link.subject, link.role, now)

    def open(self, subject: str, role: Role, now: float) -> tuple[str, Session]:
        """For one who has proved otherwise who it is. Returns: cookie and session."""
        cookie = secrets.token_urlsafe(32)
        session = Session(subject, role, now + SESSION_LASTS, secrets.token_urlsafe(32))
        self._sessions[_digest(cookie)] = session
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return cookie, session

    def session(self, cookie: str, now: float) -> Session:
        """Raises: Unauthenticated."""
        session = self._sessions.get(_digest(cookie)) if cookie else None
        if session is None or session.ends_at <= now:
            raise Unauthenticated("nobody is signed in", hint="`finial console link` makes a link to sign in")
        return session

    def close(self, cookie: str) -> None:
        self._sessions.pop(_digest(cookie), None)


def _digest(secret: str) -> bytes:
    """What is kept of a secret: looking one up tells nothing about others by its time."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
