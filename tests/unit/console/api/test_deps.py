"""Who is asked for before a handler runs."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from finial.console.access import Access, Role
from finial.console.api.deps import COOKIE, Parts, may_change, signed_in
from finial.console.observatory import Observatory
from finial.errors import PermissionDenied, Unauthenticated
from finial.testing.clock import VirtualClock


def request(cookie: str = "", csrf: str = "", *, access: Access) -> Request:
    nobody: Any = None
    app: Any = type("App", (), {})()
    app.state = type("State", (), {"parts": Parts(Observatory(nobody, [], VirtualClock()), access)})()
    headers = [(b"cookie", f"{COOKIE}={cookie}".encode()), (b"x-csrf-token", csrf.encode())]
    return Request({"type": "http", "headers": headers, "app": app})


def test_a_cookie_names_who_is_signed_in() -> None:
    access = Access()
    cookie, session = access.open("a", Role.VIEWER, VirtualClock().unix())
    assert signed_in(request(cookie, access=access)) == session
    with pytest.raises(Unauthenticated):
        signed_in(request("nobody", access=access))


def test_a_change_wants_an_admin_and_the_token() -> None:
    access, now = Access(), VirtualClock().unix()
    admin, session = access.open("a", Role.ADMIN, now)
    viewer, looking = access.open("b", Role.VIEWER, now)
    assert may_change(request(admin, session.csrf, access=access)) == session
    for cookie, csrf in ((admin, ""), (admin, looking.csrf), (viewer, looking.csrf)):
        with pytest.raises(PermissionDenied):
            may_change(request(cookie, csrf, access=access))
