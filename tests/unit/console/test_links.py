"""Links to sign in come over a socket that is its owner's alone."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import httpx
import pytest

from finial.console import links
from finial.console.access import Role
from finial.errors import NotFound, PermissionDenied, Unavailable


def test_a_link_of_either_role_comes_over_a_private_socket(tmp_path: Path) -> None:
    path = tmp_path / "private" / "link.sock"

    async def scene() -> list[str]:
        async with links.served(str(path), lambda role: f"http://127.0.0.1:3000/login?token={role}"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            transport = httpx.AsyncHTTPTransport(uds=str(path))
            async with httpx.AsyncClient(transport=transport) as client:
                assert (await client.get("http://console/root")).status_code == 404
            return [await links.ask(str(path), role) for role in Role]

    assert asyncio.run(scene()) == [f"http://127.0.0.1:3000/login?token={role}" for role in Role]
    assert not path.exists()


def test_a_folder_where_others_may_write_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)

    async def scene() -> None:
        async with links.served(str(shared / "link.sock"), lambda _: ""):
            pass

    with pytest.raises(PermissionDenied, match="others may write"):
        asyncio.run(scene())


def test_where_no_console_runs_it_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no console runs"):
        asyncio.run(links.ask(str(tmp_path / "link.sock"), Role.ADMIN))
    (tmp_path / "link.sock").touch()
    with pytest.raises(Unavailable):
        asyncio.run(links.ask(str(tmp_path / "link.sock"), Role.ADMIN))


def test_the_default_is_a_folder_of_the_users_own() -> None:
    assert links.default_socket({"XDG_RUNTIME_DIR": "/run/user/7"}) == "/run/user/7/finial-console/link.sock"
    assert f"finial-console-{os.geteuid()}" in links.default_socket({})
