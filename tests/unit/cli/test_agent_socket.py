from __future__ import annotations

import pytest

from finial.cli.agent_socket import SOCKET, AgentFlags, socket_path, workload_api
from finial.errors import InvalidArgument


@pytest.mark.parametrize(
    ("flags", "environment", "path"),
    [
        (AgentFlags(), {SOCKET.variable: "/env.sock"}, "/env.sock"),
        (AgentFlags(socket_path="/flag.sock"), {SOCKET.variable: "/env.sock"}, "/flag.sock"),
        (
            AgentFlags(instance="a", socket_path="/x"),
            {SOCKET.template: "/run/%i/api.sock"},
            "/run/a/api.sock",
        ),
    ],
)
def test_where_the_socket_is(flags: AgentFlags, environment: dict[str, str], path: str) -> None:
    assert socket_path(flags, environment) == path


def test_an_instance_needs_a_template() -> None:
    with pytest.raises(InvalidArgument, match=f"{SOCKET.template} environment variable must be defined"):
        socket_path(AgentFlags(instance="a"), {})


def test_a_client_without_a_way_to_its_socket_is_not_made() -> None:
    with pytest.raises(InvalidArgument):
        workload_api(AgentFlags(instance="a"))
