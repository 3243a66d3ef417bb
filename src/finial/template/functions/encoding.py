"""sprig's digests and encodings."""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
import zlib

from finial.template.functions.declare import function
from finial.template.values import from_bytes, to_bytes


@function("sha1sum", str)
def sha1sum(text: str) -> str:
    return hashlib.sha1(to_bytes(text), usedforsecurity=False).hexdigest()


@function("sha256sum", str)
def sha256sum(text: str) -> str:
    return hashlib.sha256(to_bytes(text)).hexdigest()


@function("adler32sum", str)
def adler32sum(text: str) -> str:
    return str(zlib.adler32(to_bytes(text)))


@function("b64enc", str)
def b64enc(text: str) -> str:
    return base64.b64encode(to_bytes(text)).decode()


@function("b64dec", str)
def b64dec(text: str) -> str:
    """What cannot be decoded gives Go's error as a text, as sprig does."""
    data = to_bytes(text).replace(b"\n", b"").replace(b"\r", b"")
    try:
        return from_bytes(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        place = next((at for at, one in enumerate(data) if one not in BASE64), len(data) // 4 * 4)
        return f"illegal base64 data at input byte {place}"


@function("b32enc", str)
def b32enc(text: str) -> str:
    return base64.b32encode(to_bytes(text)).decode()


@function("b32dec", str)
def b32dec(text: str) -> str:
    data = to_bytes(text).replace(b"\n", b"").replace(b"\r", b"")
    try:
        return from_bytes(base64.b32decode(data))
    except (binascii.Error, ValueError):
        place = next((at for at, one in enumerate(data) if one not in BASE32), len(data))
        return f"illegal base32 data at input byte {place}"


BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
BASE32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@function("uuidv4")
def uuidv4() -> str:
    return str(uuid.uuid4())
