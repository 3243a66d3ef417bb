"""Where a lab keeps what: one private folder, and one for sockets, whose paths must be short.

    conf/ server.conf agent.conf      server/ agent/ their data      logs/ NAME.log
    bundle.pem  join_token  lab.json  run/ server.sock agent.sock control.sock console.sock

A Unix socket's path holds 107 bytes, 103 on a Mac; where the folder's is too long, `run` is a private folder under
$XDG_RUNTIME_DIR or the temporary folder, named after the lab's own.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from finial.errors import FailedPrecondition, PermissionDenied

LONGEST_SOCKET = 100  # bytes; below the system's limit, since programs add suffixes
SOCKETS = ("server.sock", "agent.sock", "control.sock", "console.sock")
MODE = 0o700
DATABASES = "finial-lab-postgres"
OWN = ("conf", "server", "agent", "logs", "bundle.pem", "join_token", "lab.json", "lock")


@dataclass(frozen=True, slots=True)
class Place:
    """Both folders, absolute. Nothing is made before `make`."""

    folder: Path
    run: Path

    @classmethod
    def at(cls, folder: Path, environment: Mapping[str, str] = os.environ) -> Place:
        folder = Path(os.path.abspath(folder))
        run = folder / "run"
        longest = max(len(os.fsencode(run / name)) for name in SOCKETS)
        return cls(folder, run if longest <= LONGEST_SOCKET else _short_run(folder, environment))

    def make(self) -> None:
        """Every folder, mode 0700. Raises: PermissionDenied for one that is another user's,
        FailedPrecondition for one with something else in it."""
        if not self.state_file.exists() and self.folder.is_dir() and any(self.folder.iterdir()):
            raise FailedPrecondition(
                f'folder "{self.folder}" is not empty and holds no lab',
                hint="choose another folder with -dir",
            )
        for one in (
            self.folder,
            self.run,
            self.logs,
            *(self.folder / name for name in ("conf", "server", "agent")),
        ):
            private_folder(one)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Held by the launcher for its life. Raises: FailedPrecondition while another has it."""
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as why:
            raise FailedPrecondition(
                f'another launcher has "{self.folder}"', hint="wait until it has ended, or end it"
            ) from why
        finally:
            os.close(descriptor)

    def remove(self, *, keep: bool) -> None:
        """What a lab made and nothing else; with `keep` only sockets. Nothing of it may run."""
        shutil.rmtree(self.run, ignore_errors=True)
        if keep:
            return
        shutil.rmtree(self.postgres, ignore_errors=True)
        for name in OWN:
            path = self.folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something of the user's is in it, or it was not there
            self.folder.rmdir()

    @property
    def state_file(self) -> Path:
        return self.folder / "lab.json"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def config(self, daemon: str) -> Path:
        """`daemon`: server or agent."""
        return self.folder / "conf" / f"{daemon}.conf"

    def data(self, daemon: str) -> Path:
        return self.folder / daemon

    @property
    def postgres(self) -> Path:
        """The lab's own PostgreSQL server. Root's runs as another user, who cannot enter the lab's folder."""
        if os.geteuid() != 0:
            return self.folder / "postgres"
        return Path(tempfile.gettempdir()) / f"{DATABASES}-{_digest(self.folder)}"

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle.pem"

    @property
    def join_token(self) -> Path:
        return self.folder / "join_token"

    @property
    def server_socket(self) -> Path:
        return self.run / "server.sock"

    @property
    def agent_socket(self) -> Path:
        return self.run / "agent.sock"

    @property
    def control_socket(self) -> Path:
        return self.run / "control.sock"

    @property
    def console_socket(self) -> Path:
        """Where links to the console are made."""
        return self.run / "console.sock"

    @property
    def endpoint(self) -> str:
        """The value of SPIFFE_ENDPOINT_SOCKET."""
        return f"unix://{self.agent_socket}"


def default_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_STATE_HOME/finial/lab`, or under the home's `.local/state`."""
    home = environment.get("XDG_STATE_HOME", "")
    user = environment.get("HOME", "") or os.path.expanduser("~")
    base = Path(home) if home.startswith("/") else Path(user) / ".local" / "state"
    return base / "finial" / "lab"


def private_folder(path: Path) -> None:
    """Made with its parents, mode 0700. Raises: PermissionDenied, FailedPrecondition."""
    try:
        path.mkdir(mode=MODE, parents=True, exist_ok=True)
        found = path.lstat()
    except PermissionError as why:
        raise PermissionDenied(f'make folder "{path}": permission denied') from why
    except OSError as why:
        raise FailedPrecondition(f'make folder "{path}": {(why.strerror or str(why)).lower()}') from why
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionDenied(
            f'folder "{path}": is another user\'s or a link', hint="choose another folder with -dir"
        )
    if stat.S_IMODE(found.st_mode) != MODE:
        path.chmod(MODE)


def _short_run(folder: Path, environment: Mapping[str, str]) -> Path:
    base = environment.get("XDG_RUNTIME_DIR", "") or tempfile.gettempdir()
    return Path(base) / f"finial-lab-{os.geteuid()}-{_digest(folder)}"


def _digest(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
