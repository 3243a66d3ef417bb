"""Where the Workload API is: the text of `SPIFFE_ENDPOINT_SOCKET` in, a checked endpoint out. Pure.

`unix:///absolute/path` or `tcp://<IP address>:<port>`, nothing else: no host names, no user, no query.
Spec: SPIFFE Workload Endpoint 4.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from finial.errors import InvalidArgument

ENVIRONMENT = "SPIFFE_ENDPOINT_SOCKET"
HINT = f"set {ENVIRONMENT} to unix:///path/to/api.sock, or give the socket to the constructor"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Either a path of a Unix socket or an address."""

    path: str = ""
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Raises: InvalidArgument, in go-spiffe's words."""
        if not text:
            raise InvalidArgument("workload endpoint socket is not set", hint=HINT)
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as why:
            raise InvalidArgument(
                f'workload endpoint socket "{text}" is not a valid URI: {why}', hint=HINT
            ) from why
        if parts.scheme == "unix":
            return cls(path=_unix_path(parts))
        if parts.scheme == "tcp":
            return _address(parts, port)
        raise InvalidArgument("workload endpoint socket URI must have a tcp:// or unix:// scheme", hint=HINT)


def _unix_path(parts: SplitResult) -> str:
    if parts.netloc:
        raise _wrong("unix", "must not include a host, user or port")
    if not parts.path.startswith("/"):
        raise _wrong("unix", "must include an absolute path")
    _refuse_rest(parts, "unix")
    return parts.path


def _address(parts: SplitResult, port: int | None) -> Endpoint:
    if parts.username is not None:
        raise _wrong("tcp", "must not include user info")
    if parts.path:
        raise _wrong("tcp", "must not include a path")
    _refuse_rest(parts, "tcp")
    try:
        host = str(ipaddress.ip_address(parts.hostname or ""))
    except ValueError:
        raise _wrong("tcp", "host component must be an IP:port") from None
    if not port:
        raise _wrong("tcp", "host component must include a port")
    return Endpoint(host=host, port=port)


def _refuse_rest(parts: SplitResult, scheme: str) -> None:
    if parts.query:
        raise _wrong(scheme, "must not include query values")
    if parts.fragment:
        raise _wrong(scheme, "must not include a fragment")


def _wrong(scheme: str, why: str) -> InvalidArgument:
    return InvalidArgument(f"workload endpoint {scheme} socket URI {why}", hint=HINT)
