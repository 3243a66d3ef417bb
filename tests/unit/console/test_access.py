"""Links, sessions, roles and the page's token."""

from __future__ import annotations

import pytest

from finial.console.access import (
    GUESSES,
    LINK_LASTS,
    MOST_LINKS,
    MOST_SESSIONS,
    SESSION_LASTS,
    WITHIN,
    Access,
    Role,
)
from finial.errors import PermissionDenied, ResourceExhausted, Unauthenticated

NOW = 1000.0


def test_a_link_opens_one_session() -> None:
    access = Access()
    cookie, session = access.follow(access.link(Role.VIEWER, "uid 1000", NOW), NOW)
    assert (session.subject, session.role) == ("uid 1000", Role.VIEWER)
    assert access.session(cookie, NOW + SESSION_LASTS - 1) == session


def test_a_link_works_once_and_not_for_ever() -> None:
    access = Access()
    token = access.link(Role.ADMIN, "a", NOW)
    access.follow(token, NOW)
    old = access.link(Role.ADMIN, "a", NOW)
    for used, at in ((token, NOW), (old, NOW + LINK_LASTS), ("guess", NOW)):
        with pytest.raises(Unauthenticated, match="was used, or is too old"):
            access.follow(used, at)


def test_who_guesses_is_slowed_and_then_let_in_again() -> None:
    access = Access()
    token = access.link(Role.VIEWER, "a", NOW)
    for number in range(GUESSES):
        with pytest.raises(Unauthenticated):
            access.follow(f"guess {number}", NOW)
    with pytest.raises(ResourceExhausted, match="too many wrong links"):
        access.follow(token, NOW + WITHIN - 1)
    access.follow(token, NOW + WITHIN)


@pytest.mark.parametrize("cookie", ["", "guess", "\udcff"])
def test_a_cookie_that_names_no_session_is_nobody(cookie: str) -> None:
    with pytest.raises(Unauthenticated, match="nobody is signed in"):
        Access().session(cookie, NOW)


def test_a_session_ends_by_time_or_by_leaving() -> None:
    access = Access()
    cookie, _ = access.open("a", Role.VIEWER, NOW)
    with pytest.raises(Unauthenticated):
        access.session(cookie, NOW + SESSION_LASTS)
    access.close(cookie)
    with pytest.raises(Unauthenticated):
        access.session(cookie, NOW)


def test_a_viewer_changes_nothing() -> None:
    _, viewer = Access().open("a", Role.VIEWER, NOW)
    _, admin = Access().open("b", Role.ADMIN, NOW)
    viewer.require(Role.VIEWER)
    admin.require(Role.ADMIN)
    with pytest.raises(PermissionDenied, match='"a" may look and not change'):
        viewer.require(Role.ADMIN)


def test_a_change_needs_the_token_of_the_page() -> None:
    _, session = Access().open("a", Role.ADMIN, NOW)
    session.require_csrf(session.csrf)
    for wrong in ("", session.csrf[:-1], "é"):
        with pytest.raises(PermissionDenied, match="token of this page"):
            session.require_csrf(wrong)


def test_secrets_are_not_shown() -> None:
    access = Access()
    cookie, session = access.open("a", Role.ADMIN, NOW)
    assert session.csrf not in repr(session)
    assert cookie not in repr(vars(access))


def test_only_so_many_are_kept() -> None:
    access = Access()
    links = [access.link(Role.VIEWER, "a", NOW) for _ in range(MOST_LINKS + 1)]
    cookies = [access.open("a", Role.VIEWER, NOW)[0] for _ in range(MOST_SESSIONS + 1)]
    with pytest.raises(Unauthenticated):
        access.follow(links[0], NOW)
    with pytest.raises(Unauthenticated):
        access.session(cookies[0], NOW)
    access.session(cookies[-1], NOW)
