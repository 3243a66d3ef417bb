"""The header of the PROXY protocol, versions 1 and 2: the first bytes of a connection in, who is behind the proxy out.

Pure. A connection without a header begins with another byte than one with: TLS begins with 0x16. What is taken is
what go-proxyproto 0.15 takes, which SPIRE 1.15 reads with, but for connections of UDP and of Unix sockets: they have
no address that a caller of ours could have. Spec: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from finial.errors import InvalidArgument

V1_START = b"PROXY"
V1_MAX = 107  # bytes, with CR LF
V1_PARTS = 6
V2_START = b"\r\n\r\n\0\r\nQUIT\n"
V2_FIXED = 16  # bytes before the addresses
V2_MAX = 4096  # bytes of addresses and of what follows them
LOCAL, PROXY = 0x20, 0x21
TCP4, TCP6 = 0x11, 0x21
FAMILIES = frozenset({0x00, TCP4, 0x12, TCP6, 0x22, 0x31, 0x32})
MAX_HEADER = V2_FIXED + V2_MAX
MAX_PORT = 65535
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Source:
    """Who connected to the proxy. An IPv4 address within IPv6 is told as IPv4, so that a caller has one name."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """`size`: its bytes; 0 where there is none. `source`: None if the proxy itself is the caller, or knows none."""

    size: int
    source: Source | None = None


NO_HEADER = ProxyHeader(0)


def read_proxy_header(data: bytes) -> ProxyHeader | None:
    """Of the bytes that came so far, of which the first decides whether there is a header. None: more are needed.

    Raises: InvalidArgument, as soon as no further byte could make it one.
    """
    if not data:
        return None
    if data[:1] == V1_START[:1]:
        return _read_v1(data)
    if data[:1] == V2_START[:1]:
        return _read_v2(data)
    return NO_HEADER


def _read_v1(data: bytes) -> ProxyHeader | None:
    _check_start(data, V1_START + b" ")
    line, end, _ = data[:V1_MAX].partition(b"\n")
    if not end:
        if len(data) >= V1_MAX:
            raise _invalid(f"line is longer than {V1_MAX} bytes")
        return None
    if not line.endswith(b"\r"):
        raise _invalid("line does not end with CR LF")
    return ProxyHeader(len(line) + 1, _source_of(line[:-1].split(b" ")))


def _source_of(parts: list[bytes]) -> Source | None:
    """What follows UNKNOWN is left out."""
    family = parts[1]
    if family == b"UNKNOWN":
        return None
    if family not in (b"TCP4", b"TCP6") or len(parts) != V1_PARTS:
        raise _invalid("line is not of the form PROXY TCP4 SOURCE DESTINATION PORT PORT")
    hosts = [_address(part, 4 if family == b"TCP4" else 6) for part in parts[2:4]]
    ports = [_port(part) for part in parts[4:]]
    return _source(hosts[0], ports[0])


def _address(part: bytes, version: int) -> IpAddress:
    try:
        found = ipaddress.ip_address(part.decode("ascii"))
    except ValueError:
        raise _invalid("line has no address where one is due") from None
    if found.version != version or b"%" in part:
        raise _invalid("line has an address of another family than it tells")
    return found


def _port(part: bytes) -> int:
    padded = len(part) > 1 and part.startswith(b"0")
    if padded or not part.isdigit() or len(part) > len(str(MAX_PORT)) or int(part) > MAX_PORT:
        raise _invalid("line has no port where one is due")
    return int(part)


def _read_v2(data: bytes) -> ProxyHeader | None:
    _check_start(data, V2_START)
    if len(data) < V2_FIXED:
        return None
    command, family = data[12], data[13]
    length = int.from_bytes(data[14:V2_FIXED], "big")
    if command not in (LOCAL, PROXY):
        raise _invalid(f"version and command 0x{command:02x} are unknown")
    if family not in FAMILIES or (command == PROXY and family not in (TCP4, TCP6)):
        raise _invalid(f"family 0x{family:02x} has no address of TCP")
    width = 4 if family == TCP4 else 16
    if length > V2_MAX or (command == PROXY and length < 2 * width + 4):
        raise _invalid(f"length {length} does not fit")
    if len(data) < V2_FIXED + length:
        return None
    if command == LOCAL:
        return ProxyHeader(V2_FIXED + length)
    host = ipaddress.ip_address(data[V2_FIXED : V2_FIXED + width])
    ports = V2_FIXED + 2 * width
    source = _source(host, int.from_bytes(data[ports : ports + 2], "big"))
    return ProxyHeader(V2_FIXED + length, source)


def _source(host: IpAddress, port: int) -> Source:
    return Source(str(plain(host)), port)


def plain(host: IpAddress) -> IpAddress:
    """An IPv4 address within IPv6 as IPv4."""
    mapped = host.ipv4_mapped if isinstance(host, ipaddress.IPv6Address) else None
    return mapped or host


def _check_start(data: bytes, start: bytes) -> None:
    if not start.startswith(data[: len(start)]):
        raise _invalid("connection begins with neither a header nor TLS")


def _invalid(why: str) -> InvalidArgument:
    return InvalidArgument(f"PROXY header: {why}")
