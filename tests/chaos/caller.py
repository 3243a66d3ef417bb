"""`caller.py MODE ENDPOINT`: asks for its X.509-SVID over a connection that changes hands. Prints the answer.

stay    asks itself
die     a child asks, once this process has ended
linger  the same, but the child waits for a line first
exec    another program, $OTHER, asks in this process
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from typing import Any

from finial.client import WorkloadApi
from finial.errors import FinialError


def connect(path: str) -> socket.socket:
    """Returns once the agent has accepted, and so pinned this process: its first bytes are there."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    sock.recv(1, socket.MSG_PEEK)
    return sock


async def ask(sock: socket.socket, endpoint: str) -> str:
    loop = asyncio.get_running_loop()
    dial = loop.create_unix_connection
    sock.setblocking(False)

    async def inherited(factory: Any, *_: object, **__: object) -> Any:
        return await dial(factory, sock=sock)

    loop.create_unix_connection = inherited  # type: ignore[assignment, method-assign]
    async with WorkloadApi(endpoint) as api:
        try:
            return str((await api.fetch_x509()).default.id)
        except FinialError as why:
            return f"{type(why).__name__}: {why}"


def main(mode: str, endpoint: str) -> None:
    if mode == "go-on":
        sock = socket.socket(fileno=int(os.environ["CONNECTION"]))
    else:
        sock = connect(endpoint.removeprefix("unix://"))
        print("connected", flush=True)
    if mode == "exec":
        sock.set_inheritable(True)
        os.environ["CONNECTION"] = str(sock.detach())
        other = os.environ["OTHER"]
        os.execv(other, [other, __file__, "go-on", endpoint])
    if mode in ("die", "linger"):
        parent = os.getpid()
        if os.fork():
            os._exit(0)
        while os.getppid() == parent:
            time.sleep(0.01)
        if mode == "linger":
            sys.stdin.readline()
    print(asyncio.run(ask(sock, endpoint)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
