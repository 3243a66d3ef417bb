from __future__ import annotations

import pytest

from finial.cli.server_socket import (
    DEFAULT_SOCKET,
    ENVIRONMENT,
    TEMPLATE,
    ServerFlags,
    socket_path,
)
from finial.errors import InvalidArgument


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
