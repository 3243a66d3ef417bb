from __future__ import annotations

import asyncio
import errno
import os
import socket
from pathlib import Path
from typing import Literal

import pytest

from finial.cli.rpc_errors import as_rpc_error, barrier, dial_hint, owner_text
from finial.errors import FinialError, NotFound, Unavailable
from finial.wire.client import ServerApi
from finial.wire.pb.grpc.health.v1.health_pb2 import HealthCheckRequest


def dialled(path: str) -> FinialError:
    """The error of a call to a socket to which nobody listens."""

    async def call() -> None:
        async with ServerApi.at(path) as api:
            await api.health.Check(HealthCheckRequest())

    with pytest.raises(Unavailable) as caught:
        asyncio.run(call())
    return caught.value


def test_errors_of_a_call_read_as_those_of_grpc_go() -> None:
    error = as_rpc_error(NotFound("agent not found", hint="look again"), "error fetching")
    assert isinstance(error, NotFound)
    assert error.message == "error fetching: rpc error: code = NotFound desc = agent not found"
    assert error.hint == "look again"


@pytest.mark.parametrize(("peer", "slashes"), [("server", "//"), ("agent", "")])
def test_a_dial_that_fails_reads_as_that_of_go(
    tmp_path: Path, peer: Literal["server", "agent"], slashes: str
) -> None:
    path = str(tmp_path / "absent.sock")
    error = as_rpc_error(dialled(path), peer=peer)
    assert error.message == (
        'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: '
        f'dial unix {slashes}{path}: connect: no such file or directory"'
    )
    assert error.hint is not None
    assert error.hint.startswith(f'is the {peer} running? Nothing listens at "{path}"')


def test_a_relative_path_is_dialled_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "dial unix absent.sock: connect" in as_rpc_error(dialled("absent.sock")).message


def test_a_socket_without_a_listener_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "left.sock")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    error = as_rpc_error(dialled(path))
    assert error.message.endswith('connect: connection refused"')
    assert error.hint is not None


def test_other_errors_of_a_connection_are_told_as_they_are() -> None:
    error = as_rpc_error(Unavailable("call Check: connection lost"))
    assert error.message == "rpc error: code = Unavailable desc = call Check: connection lost"
    assert error.hint is None


def test_who_may_call_is_told_where_permission_is_denied(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    path.touch(mode=0o600)
    path.chmod(0o750)
    hint = dial_hint("server", str(path), errno.EACCES)
    assert hint is not None
    assert hint.startswith(f'"{path}" belongs to user "')
    assert "(mode 0750): call as that user, or join that group" in hint


def test_a_user_without_a_name_is_told_by_number(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("takes root to give a file away")
    os.chown(tmp_path, 54321, 54322)
    assert 'user "54321", group "54322"' in owner_text(tmp_path)


def test_the_folder_that_may_not_be_passed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shut = tmp_path / "shut"
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != shut)
    assert barrier(shut / "deep" / "api.sock") == shut
    assert barrier(tmp_path / "api.sock") == tmp_path / "api.sock"
