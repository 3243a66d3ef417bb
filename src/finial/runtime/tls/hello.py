"""The first bytes of a TLS client in; whether they could resume a session out. Pure.

OpenSSL's session cache sits in the context and Python cannot switch it off. A session resumed by ID (TLS
1.2) skips the certificate, and with it the trust of today. TLS 1.3 sends a dummy session ID, so what
counts is a session ID without `supported_versions` naming 1.3. Spec: RFC 5246 7.4.1.2, RFC 8446 4.2.1.
"""

from __future__ import annotations

from collections.abc import Iterator

HANDSHAKE = 22
CLIENT_HELLO = 1
SUPPORTED_VERSIONS = 43
TLS_1_3 = b"\x03\x04"
RECORD_HEADER = 5
MAX_RECORD = 16 * 1024  # bytes, RFC 8446 5.1: what is promised beyond is not waited for
FIXED_PART = 4 + 2 + 32  # handshake header, version, random


def may_resume(data: bytes) -> bool | None:
    """Whether this could be a resumption by session ID; None: more bytes are needed to tell.

    Doubt is True, since the costlier handshake is always right.
    """
    if len(data) < RECORD_HEADER:
        return None
    size = int.from_bytes(data[3:5])
    if data[0] != HANDSHAKE or size > MAX_RECORD:
        return False  # no TLS at all: OpenSSL says what is wrong with it
    end = RECORD_HEADER + size
    if len(data) < end:
        return None
    hello = data[RECORD_HEADER:end]
    try:
        if hello[0] != CLIENT_HELLO or 4 + int.from_bytes(hello[1:4]) > len(hello):
            return True  # split over records, which no library does
        return hello[FIXED_PART] > 0 and not _offers_tls_1_3(hello)
    except IndexError:
        return True


def _offers_tls_1_3(hello: bytes) -> bool:
    for kind, body in _extensions(hello):
        if kind == SUPPORTED_VERSIONS:
            return TLS_1_3 in (body[at : at + 2] for at in range(1, len(body) - 1, 2))
    return False


def _extensions(hello: bytes) -> Iterator[tuple[int, bytes]]:
    at = FIXED_PART
    at += 1 + hello[at]  # session ID
    at += 2 + int.from_bytes(hello[at : at + 2])  # cipher suites
    at += 1 + hello[at]  # compression methods
    end = min(at + 2 + int.from_bytes(hello[at : at + 2]), len(hello))
    at += 2
    while at + 4 <= end:
        size = int.from_bytes(hello[at + 2 : at + 4])
        yield int.from_bytes(hello[at : at + 2]), hello[at + 4 : at + 4 + size]
        at += 4 + size
