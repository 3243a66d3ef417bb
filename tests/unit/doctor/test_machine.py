from __future__ import annotations

import resource
import socket
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from finial.doctor import machine
from finial.doctor.machine import ThisMachine
from finial.runtime.peer import linux


def test_a_port_is_free_unless_somebody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
        assert not ThisMachine().is_free(number)
    assert ThisMachine().is_free(number)


def test_facts_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    here = ThisMachine()
    assert here.system()[0] == sys.platform
    assert here.has_memfd()
    assert here.installed() < here.now() + timedelta(days=1)
    assert here.open_files() in (resource.getrlimit(resource.RLIMIT_NOFILE)[0], sys.maxsize)
    monkeypatch.setenv("LD_PRELOAD", "x.so")
    assert here.variable("LD_PRELOAD") == "x.so"


@pytest.mark.parametrize(("text", "scope"), [("1\n", 1), ("0\n", 0), ("", None), (None, None)])
def test_yama(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, scope: int | None) -> None:
    if text is not None:
        (tmp_path / "scope").write_text(text)
    monkeypatch.setattr(machine, "YAMA", tmp_path / "scope")
    assert ThisMachine().ptrace_scope() == scope


def test_a_kernel_without_pinning_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "SO_PEERPIDFD", 9999)
    assert not ThisMachine().pins_peers()


def test_a_platform_without_memory_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.memfd_create")
    assert not ThisMachine().has_memfd()
