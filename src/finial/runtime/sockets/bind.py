"""A path or an address in, a listening socket out, or an error that names the next step.

Blocking, in microseconds, at start only. A Unix socket has its final mode before anybody can connect, on
Linux from its first moment on; Darwin refuses fchmod of a socket (XNU `file_vnode`). What is found at its path
is removed only if it is a socket that nobody listens on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
import stat
import sys
from pathlib import Path

from finial.errors import FailedPrecondition, FinialError, InvalidArgument, PermissionDenied, Unavailable

BACKLOG = 4096  # the kernel caps it by net.core.somaxconn
# Bytes of sun_path, with the NUL at its end: un.h, unix(7).
PATH_LIMIT = 104 if sys.platform == "darwin" else 108
# Open files where the hard limit may be none, which is no soft limit there: OPEN_MAX of setrlimit(2).
MOST_FILES = 10240 if sys.platform == "darwin" else None


def listen_unix(path: str | Path, *, mode: int = 0o777, dir_mode: int = 0o755) -> socket.socket:
    """A listening socket at `path`; missing folders are made with `dir_mode`, whatever the umask.

    Raises: InvalidArgument for a path that is too long, FailedPrecondition if something else is there,
    PermissionDenied if the folder cannot be written.
    """
    path = Path(path)
    size = len(os.fsencode(path))
    if size >= PATH_LIMIT:
        raise InvalidArgument(
            f'listen on unix socket "{path}": path has {size} bytes, at most {PATH_LIMIT - 1} are allowed '
            f"(the system's limit is {PATH_LIMIT})",
            hint="choose a shorter socket path",
        )
    try:
        _make_folders(path.parent, dir_mode)
        _remove_stale(path)
        return _bind_unix(path, mode)
    except OSError as why:
        raise _explained(f'listen on unix socket "{path}"', why, f'"{path.parent}" must be writable') from why


def _make_folders(folder: Path, mode: int) -> None:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process of ours was faster
            one.mkdir(mode=mode)
            one.chmod(mode)


def _remove_stale(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise FailedPrecondition(
            f'listen on unix socket "{path}": something that is not a socket is there',
            hint="remove it or choose another path",
        )
    if _somebody_listens(path):
        raise FailedPrecondition(
            f'listen on unix socket "{path}": another process listens there',
            hint="stop that process or choose another path",
        )
    path.unlink(missing_ok=True)


def _somebody_listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)  # a full backlog answers EAGAIN: somebody listens
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except BlockingIOError:
            return True
        return True


def _bind_unix(path: Path, mode: int) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    try:
        if sys.platform == "linux":
            os.fchmod(sock.fileno(), mode)  # the file is made with these, less the umask: never with more
        sock.bind(str(path))
        path.chmod(mode)
        sock.listen(BACKLOG)  # nobody can connect before
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def listen_tcp(host: str, port: int) -> socket.socket:
    """A listening socket on one address; an empty host or `::` takes IPv6 and IPv4, as in Go.

    Port 0 takes a free one. Raises: FailedPrecondition for a port that is taken, PermissionDenied for one
    that is reserved, InvalidArgument for an address that this machine does not have.
    """
    what = f"listen on {host_port(host, port)}"
    if not 0 <= port <= 65535:
        raise InvalidArgument(f"{what}: port must be 0 to 65535")
    try:
        family, address = _resolve(host, port)
    except (socket.gaierror, UnicodeError) as why:
        raise InvalidArgument(f"{what}: host is not known") from why
    try:
        return _bind_tcp(family, address)
    except OSError as why:
        if why.errno == errno.EADDRINUSE:
            raise FailedPrecondition(
                f"{what}: address already in use",
                hint=f"port {port} is taken by another process: stop it or choose another port",
            ) from why
        raise _explained(what, why, "ports below 1024 need the capability NET_BIND_SERVICE") from why


def _resolve(host: str, port: int) -> tuple[int, tuple[object, ...]]:
    if not host:
        host = "::" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104 - asked for by the operator
    name = host.removeprefix("[").removesuffix("]")
    family, _, _, _, address = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0]
    return family, address


def _bind_tcp(family: int, address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if address[0] == "::" else 1)
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def host_port(host: str, port: int) -> str:
    """As people write it: IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


def _explained(what: str, why: OSError, hint: str) -> FinialError:
    reason = (why.strerror or "unknown reason").lower()
    if why.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return PermissionDenied(f"{what}: {reason}", hint=hint)
    if why.errno == errno.EADDRNOTAVAIL:
        return InvalidArgument(f"{what}: this machine has no such address")
    return Unavailable(f"{what}: {reason}")


def raise_file_limit() -> tuple[int, int]:
    """Soft limit of open files to the hard one, as Go programs do at start; a Unix connection costs two.

    Returns: (soft before, hard).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if MOST_FILES is None else max(soft, min(hard, MOST_FILES))
    if soft != wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return soft, hard
