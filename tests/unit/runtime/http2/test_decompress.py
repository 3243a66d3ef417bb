"""A message's prefix and its gzip: judged before they cost anything."""

from __future__ import annotations

import gzip

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from finial.runtime.http2.decompress import check_prefix, gunzip

LIMIT = 1000


def test_a_plain_prefix_gives_the_length() -> None:
    assert check_prefix(b"\0\0\0\3\xe8", LIMIT, "", server_side=True) == 1000
    assert check_prefix(b"\1\0\0\0\1", LIMIT, "gzip", server_side=True) == 1


@pytest.mark.parametrize(
    ("prefix", "encoding", "server_side", "status", "text"),
    [
        (b"\0\0\0\3\xe9", "", True, Status.RESOURCE_EXHAUSTED, "grpc: received message larger than max (1001 vs. 1000)"),
        (b"\7\0\0\0\1", "", True, Status.INTERNAL, "grpc: received unexpected payload format 7"),
        (b"\1\0\0\0\1", "identity", True, Status.INTERNAL, "grpc: compressed flag set with identity or empty encoding"),
        (b"\1\0\0\0\1", "br", True, Status.UNIMPLEMENTED, 'grpc: Decompressor is not installed for grpc-encoding "br"'),
        (b"\1\0\0\0\1", "br", False, Status.INTERNAL, 'grpc: Decompressor is not installed for grpc-encoding "br"'),
    ],
)  # fmt: skip
def test_a_prefix_is_refused_as_grpc_go_does(
    prefix: bytes, encoding: str, server_side: bool, status: Status, text: str
) -> None:
    with pytest.raises(GRPCError) as refused:
        check_prefix(prefix, LIMIT, encoding, server_side=server_side)
    assert (refused.value.status, refused.value.message) == (status, text)


def test_gzip_is_read_up_to_the_limit() -> None:
    assert gunzip(gzip.compress(b"a" * LIMIT), LIMIT) == b"a" * LIMIT


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (gzip.compress(b"a" * (LIMIT + 1)), Status.RESOURCE_EXHAUSTED),
        (gzip.compress(b"\0" * 50_000_000, compresslevel=1), Status.RESOURCE_EXHAUSTED),
        (gzip.compress(b"abc")[:-3], Status.INTERNAL),
        (b"not gzip", Status.INTERNAL),
        (b"", Status.INTERNAL),
    ],
    ids=["one over", "bomb", "cut", "no gzip", "empty"],
)
def test_bad_gzip_is_refused(data: bytes, status: Status) -> None:
    with pytest.raises(GRPCError) as refused:
        gunzip(data, LIMIT)
    assert refused.value.status is status
