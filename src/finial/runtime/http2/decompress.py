"""The five-byte prefix of a message and its gzip: refused as grpc-go refuses, in its words.

In: prefix and compressed body as received. Out: the body, never longer than the limit. Stock SPIRE reads gzip
(a dependency of it registers the codec), so a client may send it; we answer uncompressed.
"""

from __future__ import annotations

import zlib

from grpclib.const import Status
from grpclib.exceptions import GRPCError

PREFIX = 5
READABLE = frozenset({"", "identity", "gzip"})
GZIP_WRAPPER = 31  # zlib's number for "a gzip header and trailer, nothing else"


def check_prefix(prefix: bytes, limit: int, encoding: str, *, server_side: bool) -> int:
    """The length of the body to come. `encoding`: grpc-encoding of the sender's headers, "" if it sent none."""
    length = int.from_bytes(prefix[1:], "big")
    if length > limit:
        raise GRPCError(
            Status.RESOURCE_EXHAUSTED, f"grpc: received message larger than max ({length} vs. {limit})"
        )
    if prefix[0] == 0:
        return length
    if prefix[0] != 1:
        raise GRPCError(Status.INTERNAL, f"grpc: received unexpected payload format {prefix[0]}")
    if encoding in ("", "identity"):
        raise GRPCError(Status.INTERNAL, "grpc: compressed flag set with identity or empty encoding")
    if encoding != "gzip":
        raise unknown_encoding(encoding, server_side=server_side)
    return length


def gunzip(data: bytes, limit: int) -> bytes:
    """Never makes more than `limit` + 1 bytes, whatever `data` promises."""
    inflater = zlib.decompressobj(wbits=GZIP_WRAPPER)
    try:
        body = inflater.decompress(data, limit + 1)
    except zlib.error as error:
        raise GRPCError(
            Status.INTERNAL, f"grpc: failed to decompress the received message: {error}"
        ) from error
    if len(body) > limit:
        raise GRPCError(
            Status.RESOURCE_EXHAUSTED, f"grpc: received message after decompression larger than max {limit}"
        )
    if not inflater.eof:
        raise GRPCError(Status.INTERNAL, "grpc: failed to decompress the received message: unexpected EOF")
    return body


def unknown_encoding(encoding: str, *, server_side: bool) -> GRPCError:
    code = Status.UNIMPLEMENTED if server_side else Status.INTERNAL
    return GRPCError(code, f'grpc: Decompressor is not installed for grpc-encoding "{encoding}"')
