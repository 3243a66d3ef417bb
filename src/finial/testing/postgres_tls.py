"""TLS in front of a PostgreSQL server of a build without it, as its protocol has it: for tests of clients.

A client asks with SSLRequest, is answered `S`, and shakes hands; what it says then goes to the server in the
clear. Source: PostgreSQL's documentation, section "SSL Session Encryption" of the protocol's message flow.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
LONGEST = 1 << 16


@contextmanager
def front(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """The port, on 127.0.0.1, behind which the server on `port` of this machine is; plain clients are refused."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepting = Thread(target=_accept, args=(listening, port, context), daemon=True)
        accepting.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()


def _accept(listening: socket.socket, port: int, context: ssl.SSLContext) -> None:
    with suppress(OSError):  # it was shut down
        while True:
            client, _ = listening.accept()
            Thread(target=_serve, args=(client, port, context), daemon=True).start()


def _serve(client: socket.socket, port: int, context: ssl.SSLContext) -> None:
    with client, suppress(OSError):
        if client.recv(len(SSL_REQUEST), socket.MSG_WAITALL) != SSL_REQUEST:
            return
        client.sendall(b"S")
        with context.wrap_socket(client, server_side=True) as secured:
            with socket.create_connection(("127.0.0.1", port)) as server:
                _relay(secured, server)


def _relay(secured: ssl.SSLSocket, server: socket.socket) -> None:
    """Until either side ends. One thread: OpenSSL's session is not for two at once."""
    secured.setblocking(False)
    server.setblocking(False)
    while True:
        if not secured.pending():
            select.select((secured, server), (), ())
        for source, target in ((secured, server), (server, secured)):
            try:
                data = source.recv(LONGEST)
            except (BlockingIOError, ssl.SSLWantReadError):
                continue
            if not data:
                return
            _send(target, data)


def _send(target: socket.socket, data: bytes) -> None:
    target.setblocking(True)
    target.sendall(data)
    target.setblocking(False)
