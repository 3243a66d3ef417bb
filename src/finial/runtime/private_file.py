"""Files with secrets or state: mode 0600, replaced as a whole. A crash leaves the old file or the new one.

Fault points are `<name of the file>.<stage>`, in the order of STAGES: before anything, with an empty file
beside, with a full one that is on disk, with the new file in place, and before the caller hears.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sys
from pathlib import Path

from finial.runtime import fault

MODE = 0o600
STAGES = ("begin", "opened", "written", "renamed", "done")


def replace(path: Path, data: bytes) -> None:
    """Written beside, forced to disk, renamed, and the directory forced to disk. Blocks.

    Raises: OSError; then the old file is there, and what was written beside is gone, or the new one is.
    """
    fault.point(f"{path.name}.begin")
    beside = path.with_name(path.name + ".tmp")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    try:
        _fill(descriptor, path.name, data)
        beside.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()  # a full disk has no room for it
        raise
    fault.point(f"{path.name}.renamed")
    _force_directory(path.parent)
    fault.point(f"{path.name}.done")


def _fill(descriptor: int, name: str, data: bytes) -> None:
    """Closes the descriptor."""
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, MODE)  # a file that a crash left behind may have another
        fault.point(f"{name}.opened")
        file.write(data)
        file.flush()
        _force(descriptor)
    fault.point(f"{name}.written")


def _force_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _force(directory)
    finally:
        os.close(directory)


if sys.platform == "darwin":

    def _force(descriptor: int) -> None:
        """fsync stops there before the drive's own cache. Source: fsync(2), fcntl(2)."""
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError as why:
            if why.errno not in (
                errno.ENOTSUP,
                errno.ENOTTY,
                errno.EINVAL,
            ):  # a file system that does not know it
                raise
            os.fsync(descriptor)
else:

    def _force(descriptor: int) -> None:
        os.fsync(descriptor)
