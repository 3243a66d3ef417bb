"""Listening sockets: made with the right modes and clear errors, and accepted from under a budget."""

from finial.runtime.sockets.bind import listen_tcp, listen_unix, raise_file_limit
from finial.runtime.sockets.listener import AcceptLimits, Listener

__all__ = ["AcceptLimits", "Listener", "listen_tcp", "listen_unix", "raise_file_limit"]
