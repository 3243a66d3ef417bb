"""Listening sockets: made with the right modes and clear errors, and accepted from under a budget."""

from finial.runtime.sockets.bind import listen_tcp, listen_unix, raise_file_limit
from finial.runtime.sockets.listener import AcceptLimits, FactoryBehind, Listener
from finial.runtime.sockets.proxies import Proxies
from finial.runtime.sockets.proxy_header import Source

__all__ = [
    "AcceptLimits",
    "FactoryBehind",
    "Listener",
    "Proxies",
    "Source",
    "listen_tcp",
    "listen_unix",
    "raise_file_limit",
]
