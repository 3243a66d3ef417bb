from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from finial.agent.limit import WorkloadLimiter, key_of
from finial.agent.main import limits_of
from finial.config.agent import WorkloadLimits
from finial.errors import Unavailable
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output
from finial.spiffe.selector import Selector
from finial.testing.clock import VirtualClock
from finial.testing.metrics import told, unread

METHOD = "/SpiffeWorkloadAPI/FetchJWTSVID"
A, B = Selector("unix", "uid:1"), Selector("unix", "uid:2")


@dataclass
class Caller:
    pid: int = 1


class Scene:
    def __init__(self, **limits: int) -> None:
        self.clock, self.log = VirtualClock(SystemClock().now()), io.StringIO()
        self.metrics = unread(self.clock)
        log = Logger(Output(self.log, now=self.clock.now))
        named = {f"/SpiffeWorkloadAPI/{name}": limit for name, limit in limits.items()}
        self.limiter = WorkloadLimiter(named, self.clock, log, self.metrics)

    def call(self, *selectors: Selector, pid: int = 1) -> bool:
        caller: Any = Caller(pid)
        try:
            self.limiter.check(METHOD, caller, selectors)
        except Unavailable as why:
            return why.message != f"rate limit exceeded for {METHOD}"
        return True


def test_a_call_too_many_is_refused_until_its_time() -> None:
    scene = Scene(FetchJWTSVID=2)
    assert [scene.call(A) for _ in range(3)] == [True, True, False]
    refused = 's_workload_api_rate_limit_exceeded{method="_SpiffeWorkloadAPI_FetchJWTSVID"}'
    assert told(scene.metrics)[refused] == 1
    asyncio.run(scene.clock.advance(0.5))
    assert [scene.call(A) for _ in range(2)] == [True, False]


def test_workloads_share_a_limit_if_their_selectors_are_the_same_in_any_order() -> None:
    scene = Scene(FetchJWTSVID=1)
    assert scene.call(A, B)
    assert not scene.call(B, A)
    assert scene.call(A)
    assert scene.call()
    assert not scene.call()


def test_neither_a_method_without_limit_nor_the_agent_itself_is_held_back() -> None:
    assert all(Scene(FetchJWTSVID=0, FetchX509SVID=1).call(A) for _ in range(9))
    own = Scene(FetchJWTSVID=1)
    assert all(own.call(A, pid=int(Path("/proc/self").readlink().name)) for _ in range(9))


def test_a_limit_is_told_at_start() -> None:
    log = Scene(FetchJWTSVID=3, FetchX509SVID=0).log.getvalue()
    assert f'msg="Workload API/SDS rate limiting enabled" limit=3 method={METHOD}' in log
    assert "FetchX509SVID" not in log


@pytest.mark.parametrize(
    ("option", "method"),
    [
        ("fetch_x509_svid", "FetchX509SVID"),
        ("fetch_jwt_svid", "FetchJWTSVID"),
        ("fetch_x509_bundles", "FetchX509Bundles"),
        ("fetch_jwt_bundles", "FetchJWTBundles"),
    ],
)
def test_each_option_limits_its_own_method(option: str, method: str) -> None:
    limits = limits_of(WorkloadLimits(**{option: 7}))
    assert {name for name, limit in limits.items() if limit == 7} == {method}


def test_selectors_that_read_alike_are_told_apart() -> None:
    assert key_of([Selector("a", "b:c")]) != key_of([Selector("a:b", "c")])
