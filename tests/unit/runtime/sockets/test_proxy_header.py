"""Vectors of both versions: what is a header, how long it is, who it names, and what is refused."""

from __future__ import annotations

import pytest

from finial.errors import InvalidArgument
from finial.runtime.sockets.proxy_header import (
    NO_HEADER,
    V1_MAX,
    V2_START,
    ProxyHeader,
    Source,
    read_proxy_header,
)

IPV4 = bytes([203, 0, 113, 7, 10, 0, 0, 1, 0x11, 0x5C, 0x1F, 0x91])
IPV6 = bytes.fromhex("20010db8000000000000000000000007") + bytes(16) + b"\x11\x5c\x1f\x91"
MAPPED = bytes(10) + b"\xff\xff\xcb\x00\x71\x07" + bytes(16) + b"\x11\x5c\x1f\x91"
CALLER = Source("203.0.113.7", 4444)
CALLER6 = Source("2001:db8::7", 4444)


def v2(command: int, family: int, rest: bytes, length: int | None = None) -> bytes:
    told = len(rest) if length is None else length
    return V2_START + bytes([command, family]) + told.to_bytes(2, "big") + rest


HEADERS = [
    (b"PROXY TCP4 203.0.113.7 10.0.0.1 4444 8081\r\n", CALLER),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 4444 8081\r\n", CALLER6),
    (b"PROXY TCP6 ::ffff:203.0.113.7 ::1 4444 8081\r\n", CALLER),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN any thing at all\r\n", None),
    (v2(0x21, 0x11, IPV4), CALLER),
    (v2(0x21, 0x11, IPV4 + b"\x04\x00\x02ab"), CALLER),
    (v2(0x21, 0x21, IPV6), CALLER6),
    (v2(0x21, 0x21, MAPPED), CALLER),
    (v2(0x20, 0x00, b""), None),
    (v2(0x20, 0x11, IPV4), None),
    (v2(0x20, 0x11, b"123"), None),
    (v2(0x20, 0x00, bytes(4096)), None),
]


@pytest.mark.parametrize(("header", "source"), HEADERS)
def test_a_header_names_the_caller_and_ends_where_tls_begins(header: bytes, source: Source | None) -> None:
    assert read_proxy_header(header + b"\x16\x03\x01") == ProxyHeader(len(header), source)
    for at in range(len(header)):
        assert read_proxy_header(header[:at]) is None


@pytest.mark.parametrize("data", [b"\x16", b"\x16\x03\x01\x02", b"GET / HTTP/1.1\r\n", b"\0"])
def test_what_begins_otherwise_has_none(data: bytes) -> None:
    assert read_proxy_header(data) is NO_HEADER


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"PRI * HTTP/2.0\r\n", "neither a header nor TLS"),
        (b"PROXYTCP4", "neither a header nor TLS"),
        (b"\r\n\r\n\0\r\nQUIX", "neither a header nor TLS"),
        (b"PROXY TCP4 " + b"1" * (V1_MAX - 11), "longer than 107 bytes"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "CR LF"),
        (b"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", "not of the form"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "not of the form"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "not of the form"),
        (b"PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "not of the form"),
        (b"PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", "no address"),
        (b"PROXY TCP4 1.2.3.\xff 1.2.3.4 1 2\r\n", "no address"),
        (b"PROXY TCP4 ::1 ::1 1 2\r\n", "another family"),
        (b"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "another family"),
        (b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "another family"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", "no port"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "no port"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 +2\r\n", "no port"),
        (v2(0x22, 0x11, IPV4), "version and command 0x22"),
        (v2(0x11, 0x11, IPV4), "version and command 0x11"),
        (v2(0x21, 0x13, IPV4), "family 0x13"),
        (v2(0x20, 0x13, IPV4), "family 0x13"),
        (v2(0x21, 0x12, IPV4), "family 0x12 has no address of TCP"),
        (v2(0x21, 0x31, bytes(216)), "family 0x31 has no address of TCP"),
        (v2(0x21, 0x00, b""), "family 0x00 has no address of TCP"),
        (v2(0x21, 0x11, IPV4[:-1]), "length 11 does not fit"),
        (v2(0x21, 0x21, IPV6[:-1]), "length 35 does not fit"),
        (v2(0x21, 0x11, IPV4, 4097), "length 4097 does not fit"),
        (v2(0x20, 0x00, b"", 65535), "length 65535 does not fit"),
    ],
)
def test_what_is_none_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^PROXY header: .*{why}"):
        read_proxy_header(data)
