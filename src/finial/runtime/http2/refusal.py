"""Calls refused from their headers alone, in grpc-go's words: clients match on them.

An answer without a content-type makes grpc-go report Unknown instead of Unimplemented, and a peer that asks
"can you do this?" gets no answer: so every refusal carries one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.metadata import encode_grpc_message
from h2.exceptions import ProtocolError as Http2Error

from finial.runtime.http2.decompress import READABLE, unknown_encoding
from finial.runtime.http2.stream import Stream


class HttpRefusal(GRPCError):
    """Not a gRPC request: answered with an HTTP status besides."""

    def __init__(self, http_status: int, status: Status, message: str) -> None:
        super().__init__(status, message)
        self.http_status = http_status


def unfit(fields: Mapping[str, str], methods: Mapping[str, Any]) -> GRPCError | None:
    """Why a request cannot be served, or None."""
    method = fields.get(":method", "")
    if method != "POST":
        text = f'Received a HEADERS frame with :method "{method}" which should be POST'
        return HttpRefusal(405, Status.INTERNAL, text)
    content_type = fields.get("content-type", "")
    if not is_grpc(content_type):
        return HttpRefusal(
            415, Status.INVALID_ARGUMENT, f'invalid gRPC request content-type "{content_type}"'
        )
    path = fields.get(":path", "")
    if path not in methods:
        return unknown_method(path, methods)
    encoding = fields.get("grpc-encoding", "")
    if encoding not in READABLE:
        return unknown_encoding(encoding, server_side=True)
    return None


PSEUDO = frozenset({":method", ":scheme", ":path", ":authority"})
REQUIRED = PSEUDO - {":authority"}


def malformed(headers: Sequence[tuple[str, str]], fields: Mapping[str, str]) -> bool:
    """Whether a request breaks RFC 9113 8.2 or 8.3: what two parsers could read in two ways."""
    pseudo = [name for name, _ in headers if name[:1] == ":"]
    known = frozenset(pseudo)
    return (
        not REQUIRED <= known <= PSEUDO
        or len(known) != len(pseudo)
        or not fields[":path"]
        or [name for name, _ in headers[: len(pseudo)]] != pseudo
        or "connection" in fields
        or fields.get("te", "trailers") != "trailers"
        or any(name != name.lower() for name in fields)
    )


def is_grpc(content_type: str) -> bool:
    """application/grpc, alone or with a subtype; the one codec here is protobuf."""
    base, _, subtype = content_type.lower().partition("+")
    return base.partition(";")[0] == "application/grpc" and subtype.partition(";")[0] in ("", "proto")


def unknown_method(path: str, methods: Iterable[str]) -> GRPCError:
    service, _, method = path.removeprefix("/").rpartition("/")
    if not path.startswith("/") or not service:
        return GRPCError(Status.UNIMPLEMENTED, f'malformed method name: "{path}"')
    if any(known.startswith(f"/{service}/") for known in methods):
        return GRPCError(Status.UNIMPLEMENTED, f"unknown method {method} for service {service}")
    return GRPCError(Status.UNIMPLEMENTED, f"unknown service {service}")


async def refuse(stream: Stream, error: GRPCError) -> None:
    """A trailers-only answer."""
    http_status = error.http_status if isinstance(error, HttpRefusal) else 200
    headers = [
        (":status", str(http_status)),
        ("content-type", "application/grpc"),
        ("grpc-status", str(error.status.value)),
        ("grpc-message", encode_grpc_message(error.message or "")),
    ]
    try:
        await stream.send_headers(headers, end_stream=True)
        if stream.closable:
            stream.reset_nowait()
    except Http2Error:
        pass  # the peer has gone meanwhile
