"""Listening sockets: modes, what is found at a path, and errors that name the next step."""

from __future__ import annotations

import errno
import os
import resource
import runpy
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from finial.errors import FailedPrecondition, InvalidArgument, PermissionDenied
from finial.runtime.sockets import bind, listen_tcp, listen_unix, raise_file_limit
from finial.runtime.sockets.bind import BACKLOG, host_port


@pytest.fixture
def strict_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("strict_umask")
@pytest.mark.parametrize(("wanted", "folders"), [(0o777, 0o755), (0o770, 0o750)])
def test_socket_and_folders_have_their_modes_whatever_the_umask(
    tmp_path: Path, wanted: int, folders: int
) -> None:
    path = tmp_path / "a" / "b" / "api.sock"
    with listen_unix(path, mode=wanted, dir_mode=folders):
        assert (mode(path), mode(path.parent), mode(path.parent.parent)) == (wanted, folders, folders)


def test_mode_is_never_wider_before_it_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen = tmp_path / "api.sock", list[int]()
    real = Path.chmod

    def chmod(self: Path, wanted: int) -> None:
        seen.append(mode(self))
        real(self, wanted)

    monkeypatch.setattr(Path, "chmod", chmod)
    before = os.umask(0)
    try:
        with listen_unix(path, mode=0o700):
            assert seen == [0o700]
    finally:
        os.umask(before)


def test_mode_of_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with listen_unix(tmp_path / "api.sock"):
        assert mode(tmp_path) == 0o700


def test_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    listen_unix(path).close()
    assert path.exists()
    with listen_unix(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_socket_that_somebody_listens_on_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with listen_unix(path), pytest.raises(FailedPrecondition, match="another process listens there"):
        listen_unix(path)
    assert path.exists()


def test_socket_with_a_full_queue_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as one:
        busy.bind(str(path))
        busy.listen(0)
        one.connect(str(path))
        with pytest.raises(FailedPrecondition, match="another process listens there"):
            listen_unix(path)


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_is_never_removed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "api.sock"
    if kind == "file":
        path.write_text("precious")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere.sock")
    with pytest.raises(FailedPrecondition, match="something that is not a socket is there") as caught:
        listen_unix(path)
    assert caught.value.hint
    assert path.is_symlink() or path.exists()


def test_path_that_is_too_long_names_the_limit(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 200)
    with pytest.raises(InvalidArgument, match=r"at most 107 are allowed \(the system's limit is 108\)"):
        listen_unix(path)


def test_longest_path_works(tmp_path: Path) -> None:
    path = tmp_path / ("x" * (107 - len(os.fsencode(tmp_path)) - 1))
    with listen_unix(path):
        assert path.is_socket()


def test_a_mac_refuses_modes_of_sockets_without_a_file_and_has_shorter_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fchmod", refuse)
    monkeypatch.setattr(sys, "platform", "darwin")
    with listen_unix(tmp_path / "api.sock", mode=0o700):
        assert (tmp_path / "api.sock").stat().st_mode & 0o777 == 0o700
    there = runpy.run_path(bind.__file__)
    assert (there["PATH_LIMIT"], there["MOST_FILES"]) == (104, 10240)


def test_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(30, os.strerror(30))  # EROFS: root, too, gets this one

    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(PermissionDenied, match="read-only file system") as caught:
        listen_unix(tmp_path / "run" / "api.sock")
    assert str(tmp_path / "run") in str(caught.value.hint)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost"])
def test_tcp_listens_where_it_is_told(host: str) -> None:
    with listen_tcp(host, 0) as sock, socket.create_connection(sock.getsockname()[:2]):
        assert not sock.getblocking()


@pytest.mark.parametrize("host", ["", "::"])
def test_unspecified_address_takes_both_families(host: str) -> None:
    with listen_tcp(host, 0) as sock:
        port = sock.getsockname()[1]
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, port)).close()


def test_taken_port_is_named_with_a_hint() -> None:
    with listen_tcp("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(FailedPrecondition) as why:
            listen_tcp("127.0.0.1", port)
    assert why.value.message == f"listen on 127.0.0.1:{port}: address already in use"
    assert f"port {port} is taken" in str(why.value.hint)


def test_port_is_free_again_at_once() -> None:
    with listen_tcp("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted = wait_for_accept(sock)
        accepted.close()  # we close first: TIME_WAIT is on our side
        client.close()
    listen_tcp("127.0.0.1", port).close()


def wait_for_accept(sock: socket.socket) -> socket.socket:
    sock.setblocking(True)
    return sock.accept()[0]


@pytest.mark.parametrize(
    ("host", "port", "why"),
    [
        ("192.0.2.1", 0, "no such address"),
        ("no such host", 0, "host is not known"),
        ("x" * 70, 0, "host is not known"),
        ("127.0.0.1", 70000, "port must be 0 to 65535"),
    ],
)
def test_address_that_cannot_be_is_refused(host: str, port: int, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        listen_tcp(host, port)


def test_reserved_port_names_the_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(socket.socket, "bind", denied)
    with pytest.raises(PermissionDenied, match="permission denied") as caught:
        listen_tcp("127.0.0.1", 80)
    assert "NET_BIND_SERVICE" in str(caught.value.hint)


def test_queue_is_long_enough_for_a_restart() -> None:
    assert BACKLOG >= 1024


def test_ipv6_is_written_in_brackets() -> None:
    assert [host_port(host, 1) for host in ("::1", "[::1]", "a")] == ["[::1]:1", "[::1]:1", "a:1"]


def test_soft_limit_of_files_is_raised_to_the_hard_one() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, before[1]), before[1]))
    try:
        assert raise_file_limit() == (min(512, before[1]), before[1])
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("soft", "hard", "wanted"), [(256, 2**63 - 1, 10240), (256, 1024, 1024), (65536, 2**63 - 1, None)]
)
def test_where_no_limit_is_no_soft_limit_files_are_raised_to_the_most_there_may_be(
    soft: int, hard: int, wanted: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr(bind, "MOST_FILES", 10240)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: set_to.append(limits))
    assert raise_file_limit() == (soft, hard)
    assert set_to == ([(wanted, hard)] if wanted else [])
