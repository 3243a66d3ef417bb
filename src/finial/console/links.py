"""Links to sign in, made by whoever may open a socket beside the console: the same user, or root.

The socket has mode 0600 in a folder of mode 0700. `GET /admin` and `GET /viewer` answer a link that works once.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import httpx

from finial.console.access import Role
from finial.errors import NotFound, PermissionDenied, Unavailable
from finial.runtime.pages import Pages, Response
from finial.runtime.sockets import listen_unix

MODE, FOLDER_MODE = 0o600, 0o700
SOCKET = "link.sock"
TIMEOUT = 5.0


def default_socket(environment: Mapping[str, str] = os.environ) -> str:
    """Under $XDG_RUNTIME_DIR, or a folder of the user's own in the temporary one."""
    base = environment.get("XDG_RUNTIME_DIR", "")
    if base.startswith("/"):
        return str(Path(base) / "finial-console" / SOCKET)
    return str(Path(tempfile.gettempdir()) / f"finial-console-{os.geteuid()}" / SOCKET)


@asynccontextmanager
async def served(path: str, link: Callable[[Role], str]) -> AsyncIterator[None]:
    """While it is entered. Raises: FailedPrecondition if another console has the socket."""

    def respond(asked: str) -> Response | None:
        role = asked.removeprefix("/")
        if role not in list(Role):
            return None
        return Response(HTTPStatus.OK, link(Role(role)).encode() + b"\n")

    pages = Pages(respond)
    await pages.start(await asyncio.to_thread(_listen, path))
    try:
        yield
    finally:
        await pages.close()
        Path(path).unlink(missing_ok=True)  # noqa: ASYNC240 - at the end, when nothing waits


def _listen(path: str) -> socket.socket:
    """Raises: PermissionDenied for a folder that others may change."""
    sock = listen_unix(path, mode=MODE, dir_mode=FOLDER_MODE)
    folder = Path(path).parent.stat()
    if folder.st_uid != os.geteuid() or stat.S_IMODE(folder.st_mode) & 0o022:
        sock.close()
        raise PermissionDenied(
            f'folder "{Path(path).parent}" is another user\'s, or others may write there',
            hint="choose another with -linkSocket",
        )
    return sock


async def ask(path: str, role: Role) -> str:
    """A link of the console that runs there. Raises: NotFound, Unavailable."""
    try:
        owner = os.stat(path).st_uid
    except OSError as why:
        raise NotFound(f'no console runs at "{path}"', hint="`finial console` starts one") from why
    if owner not in (0, os.geteuid()):
        raise PermissionDenied(f'the console at "{path}" is another user\'s')
    transport = httpx.AsyncHTTPTransport(uds=path)
    try:
        async with httpx.AsyncClient(transport=transport, timeout=TIMEOUT, trust_env=False) as client:
            answer = await client.get(f"http://console/{role.value}")
    except httpx.HTTPError as why:
        raise Unavailable(f'ask the console at "{path}": {str(why).lower() or type(why).__name__}') from why
    if answer.status_code != HTTPStatus.OK:
        raise Unavailable(f'ask the console at "{path}": it answered {answer.status_code}')
    return answer.text.strip()
