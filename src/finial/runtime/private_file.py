"""Files with secrets or state: mode 0600, replaced as a whole. A crash leaves the old file or the new one."""

from __future__ import annotations

import os
from pathlib import Path

MODE = 0o600


def replace(path: Path, data: bytes) -> None:
    """Written beside, forced to disk, renamed, and the directory forced to disk. Blocks. Raises: OSError."""
    beside = path.with_name(path.name + ".tmp")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, MODE)  # a file that a crash left behind may have another
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    beside.rename(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
