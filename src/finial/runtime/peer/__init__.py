"""Who is on the other end of a Unix socket: a connected socket in, a pinned process out.

A process number alone could be another's by now, and fork, exec and setuid change what it means. So a peer
is pinned before a byte is read, and checked again before each answer: `Peer.check`.
"""

from __future__ import annotations

import socket
import sys
from asyncio.trsock import TransportSocket

from finial.errors import Unavailable
from finial.runtime.peer.held import Facts, Peer, Process

if sys.platform == "darwin":
    from finial.runtime.peer.darwin import connected, credentials, names_connected, numbered
else:
    from finial.runtime.peer.linux import connected, credentials, names_connected, numbered

__all__ = ["Facts", "Peer", "Process", "names_connected", "peer_uid", "pin", "pin_process"]


def pin(sock: socket.socket | TransportSocket, *, deep: bool = False) -> Peer:
    """Call right after accept. `deep` also sees a program that execs itself: for callers whose program is a
    shared interpreter; on Linux it needs the right to trace them (root, or the same user).

    Raises: Unavailable for a caller that ended, changed, or is in another pid namespace.
    """
    pid, uid, gid = credentials(sock)
    if pid == 0:
        raise Unavailable(
            "caller pid 0: the process is in another pid namespace",
            hint="share the host's pid namespace with the agent (hostPID in Kubernetes)",
        )
    held = connected(sock, pid, deep=deep)
    try:
        peer = Peer(held)
        if (peer.uid, peer.gid) != (uid, gid):
            raise Unavailable(f"caller pid {pid}: user or group changed since it connected")
        return peer
    except BaseException:
        held.close()
        raise


def pin_process(pid: int, pidfd: int = -1, *, deep: bool = False) -> Process:
    """A process by its number, or by a pidfd of it that was passed on, owned by the result once this returns.

    Raises: Unavailable for a process that has ended, or a pidfd of another; the pidfd is then the caller's.
    OSError for a number that may not be held.
    """
    held = numbered(pid, pidfd, deep=deep)
    try:
        return Process(held)
    except BaseException:
        if pidfd < 0:
            held.close()
        raise


def peer_uid(sock: socket.socket | TransportSocket) -> int:
    """The user who connected: enough where a socket is that user's own."""
    return credentials(sock)[1]
