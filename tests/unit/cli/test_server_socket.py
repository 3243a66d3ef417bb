from __future__ import annotations

import pytest

from finial.cli.server_socket import (
    DEFAULT_SOCKET,
    ENVIRONMENT,
    TEMPLATE,
    ServerFlags,
    as_rpc_error,
    socket_path,
)
from finial.errors import InvalidArgument, NotFound


@pytest.mark.parametrize(
    ("flags", "environment", "path"),
    [
        (ServerFlags(), {}, DEFAULT_SOCKET),
        (ServerFlags(), {ENVIRONMENT: "/env.sock"}, "/env.sock"),
        (ServerFlags(socket_path="/flag.sock"), {ENVIRONMENT: "/env.sock"}, "/flag.sock"),
        (ServerFlags(instance="a"), {TEMPLATE: "/run/%i/api.sock"}, "/run/a/api.sock"),
        (ServerFlags(instance="a", socket_path="/x"), {TEMPLATE: "/run/%i/api.sock"}, "/run/a/api.sock"),
    ],
)
def test_where_the_socket_is(flags: ServerFlags, environment: dict[str, str], path: str) -> None:
    assert socket_path(flags, environment) == path


def test_an_instance_needs_a_template() -> None:
    with pytest.raises(InvalidArgument, match=f"you must define {TEMPLATE} to use the instance flag"):
        socket_path(ServerFlags(instance="a", socket_path="/x"), {})


def test_errors_of_a_call_read_as_those_of_grpc_go() -> None:
    error = as_rpc_error(NotFound("agent not found"), "error fetching")
    assert isinstance(error, NotFound)
    assert error.message == "error fetching: rpc error: code = NotFound desc = agent not found"
