"""Few modules know the platform, and none misses what another has: all is imported where the names of Linux are gone.

A Mac is played in a process of its own; what third parties do there is theirs.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "finial"
# One place for each seam: docs/architecture.md.
SEAMS = {
    "doctor/machine.py": "is asked which platform it is",
    "runtime/handover.py": "what stands for a process in a record",
    "runtime/metrics/process.py": "the unit of a figure of the kernel",
    "runtime/peer/__init__.py": "chooses",
    "runtime/peer/darwin.py": "says where it is at home",
    "runtime/peer/linux.py": "says where it is at home",
    "runtime/private_file.py": "what forces bytes to the disk",
    "runtime/process/__init__.py": "chooses",
    "runtime/process/darwin.py": "says where it is at home",
    "runtime/process/linux.py": "says where it is at home",
    "runtime/sockets/bind.py": "limits and options of sockets",
    "runtime/tls/identity.py": "how a key reaches OpenSSL",
}

# Of CPython's documentation: "Availability: Linux", as far as one of our modules could want it.
PLAYED = """
import fcntl, importlib, os, pkgutil, resource, select, signal, socket, sys, time
import finial

LINUX_ONLY = {
    os: ("memfd_", "MFD_", "pidfd_", "P_PIDFD", "eventfd", "EFD_", "sched_", "splice", "SPLICE_", "copy_file_range",
         "posix_fadvise", "getrandom", "O_TMPFILE", "O_PATH", "O_DIRECT", "getxattr", "setxattr", "listxattr"),
    socket: ("SO_PEER", "SO_PASS", "MSG_CMSG_", "SOCK_CLOEXEC", "SOCK_NONBLOCK", "TCP_DEFER_ACCEPT", "TCP_USER_TIMEOUT",
             "TCP_KEEPIDLE", "TCP_QUICKACK", "SO_BINDTODEVICE", "SO_MARK", "SO_DOMAIN", "SO_PROTOCOL", "AF_NETLINK"),
    select: ("epoll", "EPOLL"),
    signal: ("pidfd_", "SIGRT", "SIGPWR"),
    time: ("CLOCK_BOOTTIME", "CLOCK_TAI"),
    resource: ("prlimit",),
    fcntl: ("F_ADD_SEALS", "F_GET_SEALS", "F_SETPIPE_SZ", "F_GETPIPE_SZ", "F_OFD_"),
}
AT_HOME = {"finial.runtime.peer.linux", "finial.runtime.process.linux"}

names = [found.name for found in pkgutil.walk_packages(finial.__path__, "finial.")]
names = [one for one in names if ".wire.pb." not in one and not one.endswith("__main__")]
for name in names:
    if not name.endswith(".darwin"):
        importlib.import_module(name)  # and all that is not ours, as it is on this machine
for name in [one for one in sys.modules if one.startswith("finial.") and not one.startswith("finial.wire.pb")]:
    del sys.modules[name]
for module, prefixes in LINUX_ONLY.items():
    for name in [one for one in dir(module) if one.startswith(prefixes) and one != "O_DIRECTORY"]:
        delattr(module, name)
sys.platform = "darwin"
for name in names:
    if name not in AT_HOME:
        importlib.import_module(name)
assert "finial.runtime.tls.identity" in sys.modules
assert not AT_HOME & set(sys.modules)
print(len(names))
"""


@pytest.mark.slow
def test_every_module_can_be_imported_without_what_only_linux_has() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PLAYED],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 300


def test_few_modules_know_the_platform() -> None:
    knowing = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if "testing" not in path.parts and "sys.platform" in path.read_text()
    }
    assert knowing == SEAMS.keys()
