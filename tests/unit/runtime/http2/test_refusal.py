"""Requests refused from their headers."""

from __future__ import annotations

import pytest
from grpclib.const import Status

from finial.runtime.http2.refusal import HttpRefusal, is_grpc, malformed, unfit

METHODS = {"/a.B/C": object()}
GOOD = {":method": "POST", ":path": "/a.B/C", "content-type": "application/grpc"}


def test_a_good_request_is_fit() -> None:
    assert unfit(GOOD, METHODS) is None
    assert unfit(GOOD | {"grpc-encoding": "gzip"}, METHODS) is None


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({":path": "/a.B/X"}, Status.UNIMPLEMENTED, "unknown method X for service a.B"),
        ({":path": "/x.Y/C"}, Status.UNIMPLEMENTED, "unknown service x.Y"),
        ({":path": "a.B/C"}, Status.UNIMPLEMENTED, 'malformed method name: "a.B/C"'),
        ({":path": "/"}, Status.UNIMPLEMENTED, 'malformed method name: "/"'),
        ({"grpc-encoding": "br"}, Status.UNIMPLEMENTED, 'grpc: Decompressor is not installed for grpc-encoding "br"'),
    ],
)  # fmt: skip
def test_what_cannot_be_served(change: dict[str, str], status: Status, text: str) -> None:
    refused = unfit(GOOD | change, METHODS)
    assert refused is not None
    assert (refused.status, refused.message) == (status, text)


@pytest.mark.parametrize(
    ("fields", "http_status"),
    [({}, 405), (GOOD | {":method": "GET"}, 405), (GOOD | {"content-type": ""}, 415)],
)
def test_what_is_no_grpc_gets_an_http_status(fields: dict[str, str], http_status: int) -> None:
    refused = unfit(fields, METHODS)
    assert isinstance(refused, HttpRefusal)
    assert refused.http_status == http_status


@pytest.mark.parametrize(
    ("content_type", "good"),
    [
        ("application/grpc", True),
        ("application/grpc+proto", True),
        ("application/grpc;charset=utf-8", True),
        ("application/grpc+json", False),
        ("application/grpcx", False),
        ("text/html", False),
    ],
)
def test_content_types(content_type: str, good: bool) -> None:
    assert is_grpc(content_type) is good


SENT = [(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), ("te", "trailers")]


@pytest.mark.parametrize(
    "headers",
    [
        SENT[1:],
        [SENT[0], *SENT[2:]],
        [*SENT[:2], SENT[3]],
        [*SENT[:2], (":path", "")],
        [SENT[0], *SENT],
        [*SENT[:3], SENT[2]],
        [*SENT[:3], (":status", "200")],
        [*SENT[:2], SENT[3], SENT[2]],
        [*SENT, ("connection", "close")],
        [*SENT[:3], ("te", "gzip")],
        [*SENT, ("X-Upper", "a")],
    ],
)
def test_a_request_that_could_be_read_in_two_ways_is_malformed(headers: list[tuple[str, str]]) -> None:
    assert not malformed(SENT, dict(SENT))
    assert not malformed([*SENT[:3], (":authority", "a"), SENT[3]], dict(SENT))
    assert malformed(headers, dict(headers))
