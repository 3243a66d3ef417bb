from __future__ import annotations

import pytest

from finial.cli.server_socket import SOCKET, ServerFlags, socket_path
from finial.errors import InvalidArgument


@pytest.mark.parametrize(
    ("flags", "environment", "path"),
    [
        (ServerFlags(), {}, SOCKET.default),
        (ServerFlags(), {SOCKET.variable: "/env.sock"}, "/env.sock"),
        (ServerFlags(socket_path="/flag.sock"), {SOCKET.variable: "/env.sock"}, "/flag.sock"),
        (ServerFlags(instance="a"), {SOCKET.template: "/run/%i/api.sock"}, "/run/a/api.sock"),
        (
            ServerFlags(instance="a", socket_path="/x"),
            {SOCKET.template: "/run/%i/api.sock"},
            "/run/a/api.sock",
        ),
    ],
)
def test_where_the_socket_is(flags: ServerFlags, environment: dict[str, str], path: str) -> None:
    assert socket_path(flags, environment) == path


def test_an_instance_needs_a_template() -> None:
    with pytest.raises(InvalidArgument, match=f"you must define {SOCKET.template} to use the instance flag"):
        socket_path(ServerFlags(instance="a", socket_path="/x"), {})
