from __future__ import annotations

import pytest

from finial.client.endpoint import Endpoint
from finial.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("unix:///tmp/agent.sock", Endpoint(path="/tmp/agent.sock")),
        ("unix:/tmp/agent.sock", Endpoint(path="/tmp/agent.sock")),
        ("tcp://127.0.0.1:8000", Endpoint(host="127.0.0.1", port=8000)),
        ("tcp://[::1]:8000", Endpoint(host="::1", port=8000)),
    ],
)
def test_reads_both_schemes(text: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(text) == endpoint


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not set"),
        ("/tmp/agent.sock", "must have a tcp:// or unix:// scheme"),
        ("http://127.0.0.1:1", "must have a tcp:// or unix:// scheme"),
        ("unix://host/path", "must not include a host"),
        ("unix:relative", "absolute path"),
        ("unix:///a?x=1", "query"),
        ("unix:///a#b", "fragment"),
        ("tcp://localhost:1", "must be an IP:port"),
        ("tcp://127.0.0.1", "must include a port"),
        ("tcp://127.0.0.1:0", "must include a port"),
        ("tcp://127.0.0.1:99999", "not a valid URI"),
        ("tcp://u@127.0.0.1:1", "user info"),
        ("tcp://127.0.0.1:1/path", "must not include a path"),
        ("tcp://127.0.0.1:1?x", "query"),
    ],
)
def test_refuses_everything_else(text: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        Endpoint.parse(text)
