"""Proxies in front of a listening socket: which peers are some, and who is behind one.

Of a peer that is trusted the header of the PROXY protocol is taken off, if it sends one; else it is the caller
itself. Of any other peer nothing is read here: its header would reach TLS, which refuses it. So SPIRE 1.15 has it
(go-proxyproto's policies USE and REJECT).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable

from finial.runtime.sockets.proxy_header import MAX_HEADER, Source, plain, read_proxy_header


class Proxies:
    """`networks` in CIDR notation: whoever is in one may say who it speaks for."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = tuple(ipaddress.ip_network(one, strict=False) for one in networks)

    def trusts(self, host: str) -> bool:
        address = plain(ipaddress.ip_address(host))
        return any(address in network for network in self._networks)

    async def source(self, accepted: socket.socket) -> Source | None:
        """Who is behind the peer of this connection, which is not blocking. None: the peer itself.

        Not a byte is taken beyond the header. Raises: InvalidArgument for what is none, ConnectionError if the
        connection ends within it; whoever calls sees to the time. Cancelled, it has left the connection unfit for use.
        """
        if not self.trusts(accepted.getpeername()[0]):
            return None
        taken = b""
        while True:
            await _readable(accepted)
            try:
                ahead = accepted.recv(MAX_HEADER - len(taken), socket.MSG_PEEK)
            except BlockingIOError:
                continue
            if not ahead:
                raise ConnectionResetError("connection ended before its PROXY header did")
            found = read_proxy_header(taken + ahead)
            more = len(ahead) if found is None else found.size - len(taken)
            taken += accepted.recv(more) if more else b""
            if found is not None:
                return found.source


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sock.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sock.fileno())
