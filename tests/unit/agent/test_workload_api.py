"""Steps of the Workload API that a whole agent cannot be brought to; the rest is in tests/playbooks."""

from __future__ import annotations

import asyncio
import os
import socket
from types import SimpleNamespace
from typing import Any

import pytest
from multidict import MultiDict

from finial.agent.workload_api import check_again, loggable, require_header
from finial.errors import InvalidArgument, Unavailable
from finial.runtime import peer
from finial.spiffe.selector import Selector


def intercepted(path: str, metadata: MultiDict[str] | None) -> bool:
    called = False

    async def call() -> None:
        nonlocal called
        called = True

    stream: Any = SimpleNamespace(metadata=metadata)
    asyncio.run(require_header(stream, path, call))
    return called


def test_the_header_is_asked_for_by_the_workload_api_only() -> None:
    header = MultiDict({"workload.spiffe.io": "true"})
    assert intercepted("/SpiffeWorkloadAPI/FetchX509SVID", header)
    assert intercepted("/grpc.health.v1.Health/Check", MultiDict())
    with pytest.raises(InvalidArgument):
        intercepted("/SpiffeWorkloadAPI/FetchX509SVID", None)


def test_nothing_is_written_to_a_process_that_became_another() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        caller = peer.pin(ours)
        assert caller.pid == os.getpid()
        check_again(caller)
        caller.close()
        with pytest.raises(Unavailable, match=r"^workload attestation failed$"):
            check_again(caller)


def test_selectors_are_logged_by_kind_and_no_others() -> None:
    found = [Selector.parse(text) for text in ("unix:uid:1000", "unix:path:/x", "k8s:ns:a", "k8s:nsx:a")]
    assert loggable(found, ()) == []
    assert loggable(found, ("unix",)) == ["unix:path:/x", "unix:uid:1000"]
    assert loggable(found, ("k8s:ns", "unix:uid:1000")) == ["k8s:ns:a", "unix:uid:1000"]
    assert loggable(found, ("uni", "k8s:n", "")) == []
