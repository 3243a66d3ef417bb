"""`python -m finial.testing.unprivileged PROGRAM ARGUMENTS`: runs a program without any of root's rights.

The user stays who it is, so that files and interpreters stay within reach; capabilities are given up, so
that /proc, ptrace and signals work as they do for anyone else.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_CAPBSET_DROP = 24
COMMAND = (sys.executable, "-m", "finial.testing.unprivileged")


def drop() -> None:
    """From the next exec on. Without the right to do so there is nothing to give up. Source: capabilities(7)."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


if __name__ == "__main__":
    drop()
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606
