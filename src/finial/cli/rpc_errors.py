"""Errors of calls in the words of grpc-go, which scripts compare, and the next step for a person.

`rpc error: code = NotFound desc = agent not found`. Where no connection was made, `desc` is what Go's
dialler says of the socket's path, and the hint says who listens there or who may.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import re
import stat
from pathlib import Path

from finial.cli import hints
from finial.cli.hints import Peer
from finial.errors import FinialError, Unavailable

DIALLED = re.compile(r'connect to "(?P<path>[^"]*)": ')
NOBODY_LISTENS = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR)


def as_rpc_error(error: FinialError, what: str = "", *, peer: Peer = "server") -> FinialError:
    """The same kind of error. To the server, SPIRE's commands dial an absolute path with two more slashes."""
    from finial.wire.status import code_name

    path, why = dial_failure(error)
    message, hint = error.message, error.hint
    if why is not None:
        shown = "//" + path if peer == "server" and path.startswith("/") else path
        reason = os.strerror(why).lower()
        message = (
            f'connection error: desc = "transport: Error while dialing: dial unix {shown}: connect: {reason}"'
        )
        hint = dial_hint(peer, path, why)
    text = f"rpc error: code = {code_name(error)} desc = {message}"
    return type(error)(f"{what}: {text}" if what else text, hint=hint or hints.from_text(message))


def dial_failure(error: FinialError) -> tuple[str, int | None]:
    """The socket's path and the errno with which it could not be reached; None for every other error."""
    found, cause = DIALLED.match(error.message), error.__cause__
    if not isinstance(error, Unavailable) or found is None or not isinstance(cause, OSError):
        return "", None
    return found["path"], cause.errno


def dial_hint(peer: Peer, path: str, why: int) -> str | None:
    if why in NOBODY_LISTENS:
        return hints.nobody_listens(peer, path)
    if why in (errno.EACCES, errno.EPERM):
        return f"{owner_text(barrier(Path(path)))}: call as that user, or join that group"
    return None


def barrier(path: Path) -> Path:
    """The socket, or the folder above it that this user may not pass."""
    for folder in reversed(path.parents):
        if not os.access(folder, os.X_OK):
            return folder
    return path


def owner_text(path: Path) -> str:
    """`"/run/api.sock" belongs to user "spire", group "spire" (mode 0770)`."""
    facts = path.stat()
    user, group = _user(facts.st_uid), _group(facts.st_gid)
    return f'"{path}" belongs to user "{user}", group "{group}" (mode {stat.S_IMODE(facts.st_mode):04o})'


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
