from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from finial.errors import FailedPrecondition
from finial.lab import ports
from finial.lab.ports import HOST, choose, defaults


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def free() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def test_defaults_are_those_of_the_documentation() -> None:
    serving = {"server": 8081, "a": 18443, "b": 18444}
    assert defaults(["a", "b"]) == serving | {"server-metrics": 9988, "agent-metrics": 9989}


def test_free_ports_are_kept() -> None:
    wanted = {"server": free()}
    assert choose(wanted) == wanted


def test_a_taken_port_moves_on_and_no_port_is_given_twice(taken: int) -> None:
    chosen = choose({"a": taken, "b": taken + 1, "c": taken + 1})
    assert chosen["a"] > taken
    assert chosen["a"] != taken + 1
    assert len(set(chosen.values())) == 3


def test_no_free_port_in_reach_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_free", lambda port: False)
    with pytest.raises(FailedPrecondition, match="no free port after 8081"):
        choose({"server": 8081})
